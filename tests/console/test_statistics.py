"""`GET /api/events/stats`: the numbers are those of a plain GROUP BY, whatever way they are got."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import crowd
import psycopg
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from queries import captured_queries

from events.models import Device, EventRollup, SystemEvent
from events.retention.policy import Policy
from events.retention.pruning import prune
from events.statistics import counting
from events.statistics.buckets import MAX_BUCKETS, cover, parse_length
from events.statistics.rollups.rolling import roll_up, start_over
from sovi_events import database

BERLIN = ZoneInfo("Europe/Berlin")


def ask(client: Client, **parameters: Any) -> Any:
    answer = client.get("/api/events/stats", parameters)
    assert answer.status_code == 200, answer.content
    return answer.json()


def refusal(client: Client, **parameters: Any) -> Any:
    answer = client.get("/api/events/stats", parameters)
    assert answer.status_code == 400, answer.content
    return answer.json()


# -- Buckets --------------------------------------------------------------------------------------


def hours(lengths: list[timedelta]) -> list[float]:
    return [length / timedelta(hours=1) for length in lengths]


def lengths(since: str, until: str, length: str, zone: str) -> list[float]:
    tz = ZoneInfo(zone)
    found = cover(
        datetime.fromisoformat(since).replace(tzinfo=tz).astimezone(UTC),
        datetime.fromisoformat(until).replace(tzinfo=tz).astimezone(UTC),
        parse_length(length),
        tz,
    )
    edges = [*found.starts, found.end]
    return hours([after - before for before, after in zip(edges, edges[1:], strict=False)])


@pytest.mark.parametrize(
    ("since", "until", "length", "zone", "expected"),
    [
        ("2026-03-28", "2026-03-31", "1d", "Europe/Berlin", [24, 23, 24]),
        ("2026-10-24", "2026-10-27", "1d", "Europe/Berlin", [24, 25, 24]),
        ("2026-10-25", "2026-10-26", "1h", "Europe/Berlin", [1] * 25),
        ("2026-10-25", "2026-10-26", "6h", "Europe/Berlin", [6, 6, 6, 6, 1]),
        ("2026-03-29", "2026-03-30", "12h", "Europe/Berlin", [12, 11]),
        # Midnight itself is skipped.
        ("2026-04-23", "2026-04-26", "1d", "Africa/Cairo", [24, 23, 24]),
        # Half an hour back.
        ("2026-04-05", "2026-04-06", "12h", "Australia/Lord_Howe", [12, 12, 0.5]),
        # A day that never was.
        ("2011-12-29", "2012-01-01", "1d", "Pacific/Apia", [24, 24]),
        ("2026-01-05", "2026-01-19", "1w", "Asia/Kolkata", [168, 168]),
    ],
)
def test_buckets_follow_the_clocks_of_the_zone(
    since: str, until: str, length: str, zone: str, expected: list[float]
) -> None:
    assert lengths(since, until, length, zone) == expected


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.floats(0.001, 3000),
    st.sampled_from(["1m", "15m", "45m", "1h", "6h", "12h", "1d", "3d", "1w", "5w"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "Africa/Cairo", "America/Havana",
                     "Australia/Lord_Howe", "Pacific/Apia", "America/St_Johns"]),
)  # fmt: skip
def test_buckets_hold_the_range_without_gap_or_overlap_and_days_begin_at_midnight(
    since: datetime, span_hours: float, length: str, zone: str
) -> None:
    until, size, tz = since + timedelta(hours=span_hours), parse_length(length), ZoneInfo(zone)
    try:
        found = cover(since, until, size, tz)
    except ValueError as error:
        assert "more than" in str(error)
        assert timedelta(hours=span_hours) / size > MAX_BUCKETS * 0.9
        return
    edges = [*found.starts, found.end]
    assert len(found.starts) <= MAX_BUCKETS
    assert all(before < after for before, after in zip(edges, edges[1:], strict=False))
    assert found.starts[0] <= since < edges[1]
    assert found.starts[-1] < until <= found.end
    if size >= timedelta(days=1):
        local = [edge.astimezone(tz) for edge in edges]
        for edge in local:
            before = (edge.astimezone(UTC) - timedelta(microseconds=1)).astimezone(tz)
            assert before.date() < edge.date()
            if size.days % 7 == 0:
                assert edge.weekday() == 0 and (edge.date() - date(2026, 1, 5)).days % 7 == 0
    else:
        assert all(b - a <= size for a, b in zip(edges, edges[1:], strict=False))


@pytest.mark.parametrize("text", ["", "0m", "7m", "5h", "30s", "25h", "36h", "1", "x"])
def test_a_length_that_does_not_divide_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        parse_length(text)


# -- The numbers ----------------------------------------------------------------------------------


def plainly(answer: Any, by: str, condition: Callable[[SystemEvent], bool]) -> Any:
    """What the answer should hold, counted in Python from the rows themselves."""
    edges = [datetime.fromisoformat(edge) for edge in (*answer["starts"], answer["until"])]
    counts: dict[Any, list[int]] = {}
    for event in SystemEvent.objects.all():
        if condition(event) and edges[0] <= event.timestamp < edges[-1]:
            value = getattr(event, counting.COLUMNS[by])
            bucket = max(i for i, edge in enumerate(edges[:-1]) if edge <= event.timestamp)
            key = None if value is None else str(value)
            counts.setdefault(key, [0] * (len(edges) - 1))[bucket] += 1
    return counts


QUESTIONS: list[tuple[dict[str, Any], Callable[[SystemEvent], bool]]] = [
    ({}, lambda event: True),
    ({"severity": "info,error"}, lambda event: event.severity in ("info", "error")),
    ({"category": "account"}, lambda event: event.category == "account"),
    (
        {"event_type": "x" * 2000, "severity": "info"},
        lambda event: event.event_type == "x" * 2000 and event.severity == "info",
    ),
    ({"resolved": "false"}, lambda event: not event.resolved),
    ({"q": "MANY", "severity": "critical"}, lambda event: event.severity == "critical"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_they_are_those_of_the_rows_while_events_come_late_and_are_pruned(
    seed: int, admin_client: Client
) -> None:
    chance, phones = random.Random(seed), crowd.devices()
    end = crowd.START + timedelta(days=crowd.DAYS)
    for step in range(6):
        crowd.add(chance, chance.randrange(150), phones)
        if step % 2:
            list(roll_up())
        if step == 4:
            list(prune(Policy({"info": timedelta(days=3), "error": timedelta(days=1)}), end))
        phone = chance.choice(phones)
        questions = [
            *QUESTIONS,
            (
                {"device_id": str(phone.pk)},
                lambda event, phone=phone: event.device_id == phone.pk,
            ),
        ]
        for parameters, condition in chance.sample(questions, 4):
            by = chance.choice([*counting.COLUMNS])
            zone = chance.choice(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Asia/Kolkata"])
            bucket = chance.choice(["15m", "1h", "6h", "1d", "5m"])
            since = crowd.START + timedelta(hours=chance.random() * 40)
            until = since + timedelta(hours=1 + chance.random() * 90)
            answer = ask(
                admin_client,
                **parameters,
                by=by,
                tz=zone,
                bucket=bucket,
                since=since.isoformat(),
                until=until.isoformat(),
            )
            expected = plainly(answer, by, condition)
            assert {group["value"]: group["counts"] for group in answer["groups"]} == expected
            assert answer["total"] == sum(map(sum, expected.values()))
            assert answer["other"] is None


@pytest.mark.django_db
def test_rolled_up_events_are_not_read_again(admin_client: Client) -> None:
    crowd.add(random.Random(0), 300, crowd.devices())
    list(roll_up())
    crowd.rows("UPDATE event_rollups SET events = events + 1000 WHERE NOT by_device")
    params = {"since": crowd.START.isoformat(), "until": "2026-04-01", "bucket": "1d"}
    rollups = EventRollup.objects.filter(by_device=False, grain=1440).count()
    assert ask(admin_client, **params)["total"] == 300 + 1000 * rollups
    for other in ({"by": "device"}, {"resolved": "true"}, {"bucket": "5m", "until": "2026-03-28"}):
        assert 0 < ask(admin_client, **params | other)["total"] <= 300


@pytest.mark.django_db
def test_asking_rolls_up_what_has_gathered_once_that_is_much(admin_client: Client) -> None:
    insert = (
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'auth', 'info', 'x', 'x' FROM generate_series(1, %s)"
    )
    rolled_up = "SELECT sum(events) FROM event_rollups WHERE by_device AND grain = 15"
    crowd.rows(insert, counting.ROLL_UP_ROWS - 1)
    assert ask(admin_client)["total"] == counting.ROLL_UP_ROWS - 1
    assert crowd.rows(rolled_up) == [(None,)]
    crowd.rows(insert, 1)
    for extra in range(2):
        assert ask(admin_client)["total"] == counting.ROLL_UP_ROWS + extra
        assert crowd.rows(rolled_up) == [(counting.ROLL_UP_ROWS,)]
        crowd.rows(insert, 1)


@pytest.mark.django_db
def test_where_little_has_gathered_the_mark_is_read_once_before_the_count(
    admin_client: Client,
) -> None:
    crowd.add(random.Random(0), 10, [])
    list(roll_up())
    with captured_queries() as captured:
        ask(admin_client)
    assert sum("event_rollup_mark" in sql for sql in captured) == 2


@pytest.mark.django_db(transaction=True)
def test_an_open_writer_is_neither_counted_nor_waited_for(admin_client: Client) -> None:
    insert = (
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'auth', 'info', 'x', 'x' FROM generate_series(1, 10)"
    )
    with psycopg.connect(**database.parameters()) as writer:
        writer.execute(insert)
        crowd.rows(insert)
        assert ask(admin_client)["total"] == 10
        writer.commit()
    assert ask(admin_client)["total"] == 20
    list(roll_up())
    assert ask(admin_client)["total"] == 20


@pytest.mark.django_db
def test_a_table_that_was_emptied_begins_anew(admin_client: Client) -> None:
    insert = (
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'auth', 'info', 'x', 'x' FROM generate_series(1, %s)"
    )
    crowd.rows("ALTER SEQUENCE system_events_id_seq RESTART WITH 1")
    crowd.rows(insert, 50)
    list(roll_up())
    crowd.rows("TRUNCATE system_events RESTART IDENTITY")
    crowd.rows(insert, 7)
    assert ask(admin_client)["total"] == 7
    list(roll_up())
    assert ask(admin_client)["total"] == 7


@pytest.mark.django_db
def test_starting_over_changes_no_answer(admin_client: Client) -> None:
    crowd.add(random.Random(0), 200, crowd.devices())
    list(roll_up())
    params = {"since": crowd.START.isoformat(), "until": "2026-04-01", "bucket": "1d"}
    before = ask(admin_client, **params)
    start_over()
    assert ask(admin_client, **params) == before


@pytest.mark.django_db
def test_of_many_groups_the_largest_are_shown_and_the_rest_put_together(
    admin_client: Client,
) -> None:
    sizes = Counter({f"type_{number:02}": 30 - number for number in range(28)})
    SystemEvent.objects.bulk_create(
        SystemEvent(category="a", severity="info", event_type=name, message="x")
        for name in sizes.elements()
    )
    for _ in range(2):
        answer = ask(admin_client, by="event_type", bucket="1d")
        shown = [(group["value"], group["total"]) for group in answer["groups"]]
        assert shown == sizes.most_common(counting.MAX_GROUPS)
        rest = sum(sizes.values()) - sum(total for _, total in shown)
        assert (answer["other"]["values"], answer["other"]["total"]) == (8, rest)
        assert sum(answer["other"]["counts"]) == rest
        assert answer["total"] == sum(sizes.values())
        list(roll_up())


@pytest.mark.django_db
def test_devices_have_their_names_and_none_is_a_group(admin_client: Client) -> None:
    phone = Device.objects.create(name="iPhone-A")
    for device in (phone, phone, None):
        SystemEvent.objects.create(
            category="", severity="info", event_type="x", message="x", device=device
        )
    answer = ask(admin_client, by="device")
    assert [(group["value"], group["name"], group["total"]) for group in answer["groups"]] == [
        (str(phone.pk), "iPhone-A", 2),
        (None, None, 1),
    ]
    [without] = ask(admin_client, by="severity", device_id="-")["groups"]
    assert without["total"] == 1
    assert [group["value"] for group in ask(admin_client, by="category")["groups"]] == [""]
    viewer, client = User.objects.create_user("bob"), Client()
    viewer.user_permissions.add(Permission.objects.get(codename="view_systemevent"))
    client.force_login(viewer)
    assert {group["name"] for group in ask(client, by="device")["groups"]} == {None}


@pytest.mark.django_db
def test_buckets_without_events_are_zeros(admin_client: Client) -> None:
    empty = ask(admin_client, since="2026-03-28", until="2026-03-31", bucket="1d",
                tz="Europe/Berlin")  # fmt: skip
    assert (empty["groups"], empty["other"], empty["total"]) == ([], None, 0)
    assert empty["starts"][:2] == ["2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"]
    assert empty["starts"][2:] == ["2026-03-30T00:00:00+02:00", "2026-03-31T00:00:00+02:00"]
    assert empty["until"] == "2026-04-01T00:00:00+02:00"
    SystemEvent.objects.create(
        category="a", severity="info", event_type="x", message="x",
        timestamp=datetime(2026, 3, 29, 23, 59, tzinfo=BERLIN),
    )  # fmt: skip
    one = ask(admin_client, since="2026-03-28", until="2026-03-31", bucket="1d", tz="Europe/Berlin")
    assert one["groups"][0]["counts"] == [0, 1, 0, 0]


@pytest.mark.django_db
def test_by_default_the_last_24_hours_are_counted_by_severity(admin_client: Client) -> None:
    SystemEvent.objects.create(category="a", severity="info", event_type="x", message="x")
    answer = ask(admin_client)
    assert (answer["bucket"], answer["by"], answer["tz"]) == ("1h", "severity", "UTC")
    assert len(answer["starts"]) == 24
    assert answer["groups"][0]["counts"] == [0] * 23 + [1]


# -- Bounds and refusals --------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_not_understood_is_refused(admin_client: Client) -> None:
    for parameters in (
        {"bucket": "7m"},
        {"bucket": "soon"},
        {"by": "message"},
        {"tz": "Mars/Olympus"},
        {"tz": "../etc/passwd"},
        {"tz": "\0"},
        {"colour": "red"},
        {"limit": "1"},
        {"severity": "errors"},
        {"resolved": "bad"},
        {"since": "yesterday"},
        {"by": ["severity", "device"]},
    ):
        assert list(refusal(admin_client, **parameters)) == list(parameters)
    for range_of_time in (
        {"since": "2026-01-02", "until": "2026-01-01"},
        {"since": "2026-01-01", "until": "2026-01-01"},
        {"since": "0001-01-01", "until": "2026-01-01"},
        {"since": "2026-01-01", "until": "2026-03-26"},
        {"since": "9999-12-31", "until": "9999-12-31T12:00:00"},
        {"until": "0001-01-01"},
    ):
        assert list(refusal(admin_client, **range_of_time)) == ["since"]


@pytest.mark.django_db
def test_who_may_not_view_events_gets_no_number() -> None:
    client = Client()
    assert client.get("/api/events/stats").status_code == 401
    client.force_login(User.objects.create_user("ada"))
    assert client.get("/api/events/stats").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_what_takes_too_long_is_answered_with_503_and_advice(admin_client: Client) -> None:
    with psycopg.connect(**database.parameters()) as slow:
        slow.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        answer = admin_client.get("/api/events/stats", {"q": "x"})
    assert answer.status_code == 503
    assert "narrow the range" in answer.json()["detail"]
    assert ask(admin_client, q="x")["total"] == 0


@pytest.mark.django_db
def test_a_question_takes_few_queries(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    crowd.add(random.Random(0), 100, crowd.devices())
    list(roll_up())
    with django_assert_max_num_queries(20):
        ask(admin_client, by="device")
