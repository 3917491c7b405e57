"""What a preview counts, and what it estimates and says so."""

import psycopg
import pytest
from bulk_jobs import add_many
from django.db import connection
from django.http import QueryDict

from events.bulk.estimate import estimate
from events.bulk.preview import Total, measure, preview
from events.filters.stored_filter import deserialise, serialise
from events.models import Device, SystemEvent
from events.reading.time_limit import TookTooLong, time_limit
from sovi_events import database

pytestmark = pytest.mark.django_db


def fill(rows: int, *, first: int = 1, step: int = 1) -> None:
    """Add events of which every tenth is critical."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (id, category, severity, event_type, message)"
            " SELECT %s + number * %s, 'auth', CASE WHEN number %% 10 = 0 THEN 'critical'"
            " ELSE 'error' END, 'login_failed', 'm' FROM generate_series(0, %s) AS number",
            [first, step, rows - 1],
        )
        cursor.execute(
            "SELECT setval('system_events_id_seq', greatest((SELECT max(id) FROM system_events),"
            " (SELECT last_value FROM system_events_id_seq)))"
        )


def test_ten_thousand_are_counted_exactly() -> None:
    fill(10_000)
    seen = preview("resolve", {})
    assert seen.extent == Total(10_000, {"error": 9000, "critical": 1000}, exact=True)
    assert str(seen.extent) == "10,000"


def test_more_are_estimated_and_it_says_so() -> None:
    fill(30_000, step=3)
    seen = preview("resolve", {})
    assert not seen.extent.exact
    assert str(seen.extent) == "about 30,000"
    assert 2700 < seen.extent.by_severity["critical"] < 3300
    assert (seen.first_id, seen.last_id) == (1, 1 + 29_999 * 3)


def test_an_estimate_follows_the_filter_wherever_its_events_lie() -> None:
    fill(40_000)
    fill(20_000, first=1_000_000)
    SystemEvent.objects.filter(pk__lt=30_000).update(event_type="other")
    events = SystemEvent.objects.filter(event_type="login_failed", severity="critical")
    found = estimate(events, 1, 1_020_000)
    assert found.keys() == {"critical"}
    assert 0.7 < found["critical"] / 3000 < 1.4


def test_the_windows_of_an_estimate_cover_a_small_range_once() -> None:
    fill(50_050)
    found = estimate(SystemEvent.objects.all(), 1, 50_050)
    assert sum(found.values()) == pytest.approx(50_050, rel=0.001)
    assert estimate(SystemEvent.objects.all(), 7, 7) == {"error": 1}


def test_what_cannot_be_counted_in_time_is_an_error() -> None:
    fill(1000)
    slow = SystemEvent.objects.extra(where=["pg_sleep(0.01) IS NOT NULL"])
    with pytest.raises(TookTooLong):
        measure(slow, 1, 1000)
    with time_limit(1):  # the connection is as it was
        assert SystemEvent.objects.count() == 1000


@pytest.mark.django_db(transaction=True)
def test_it_ends_below_what_an_open_transaction_may_still_write() -> None:
    add_many(3)
    preview("resolve", {})
    with psycopg.connect(
        **database.parameters(connection.settings_dict["NAME"])  # type: ignore[arg-type]
    ) as writer:
        writer.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " VALUES ('auth', 'error', 'x', 'x')"
        )
        late = add_many(2)
        seen = preview("resolve", {})
        assert not seen.complete
        assert seen.last_id < late[0]
        assert seen.extent.rows == 3
    assert preview("resolve", {}).extent.rows == 6


def test_names_and_relative_times_are_normalised_in_a_search_of_any_length() -> None:
    devices = [Device.objects.create(name=f"iPhone-{number}") for number in range(80)]
    ids = add_many(1, device=devices[0]) + add_many(1, device=devices[79])
    stored = serialise(QueryDict("q=device:iphone since:2h m"))
    [text] = stored["q"]
    assert len(text) > 2000 and "2h" not in text
    Device.objects.all().update(name="Pixel")
    add_many(1, device=Device.objects.create(name="iPhone-80"))
    assert list(deserialise(stored).order_by("pk").values_list("pk", flat=True)) == ids


@pytest.mark.parametrize(
    "query",
    [
        "severity=error,critical&category=auth&resolved=false&resolved_by=auto",
        "since=2026-01-01T00:00:00.123456%2B02:00&until=2026-02-01",
        "device_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        'context={"a": [1, null, "é"]}&q=Login %25 "failed" -severity:info',
        "severity=&q=&resolved=",
        "",
    ],
)
def test_a_stored_filter_is_the_same_when_it_is_read_again(query: str) -> None:
    stored = serialise(QueryDict(query))
    again = QueryDict(mutable=True)
    for name, values in stored.items():
        again.setlist(name, values)
    assert serialise(again) == stored
    assert str(deserialise(stored).query) == str(deserialise(serialise(again)).query)
    assert all(values for values in stored.values())
