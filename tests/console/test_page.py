"""Pages merged from many ranges are the pages that a plain query gives."""

import random
import uuid
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection

from events.filters.event_filter import EventFilter
from events.models import Account, Device, SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading import page, time_range
from sovi import events as library

CATEGORIES = ("scheduler", "device", "Ünknown")
SEVERITIES = ("info", "error", "critical", "odd")
TYPES = ("warming_started", "login_failed", "", "Zuletzt")
STATES = (True, False, None)
MATCHING: dict[str, list[Any]] = {
    "category": [None, ["scheduler"], ["device", "Ünknown", "nothing"]],
    "event_type": [None, ["login_failed"], ["", "Zuletzt"], ["nothing"]],
    "severity": [None, ["error"], ["critical", "odd"]],
    "device": [None, [0], [0, 1, 2]],
    "account": [None, [1]],
    "resolved_by": [None, ["human", "auto"]],
}

NAMES = {"device": "device_id", "account": "account_id"}


@pytest.fixture
def subjects(db: None) -> dict[str, list[uuid.UUID]]:
    """Three devices, of which the last has no event, and two accounts."""
    return {
        "device": [Device.objects.create(name=f"iPhone-{n}").pk for n in range(3)],
        "account": [Account.objects.create(platform="tiktok", username=n).pk for n in "ab"],
    }


@pytest.fixture
def many(subjects: dict[str, list[uuid.UUID]]) -> dict[str, list[uuid.UUID]]:
    """Every combination of values several times, in no order of ids."""
    devices, accounts = [*subjects["device"][:2], None], [*subjects["account"], None]
    rows = [
        SystemEvent(
            category=category,
            severity=severity,
            event_type=event_type,
            resolved=resolved,
            resolved_by=random.choice(("human", "auto", None)) if resolved else None,
            device_id=random.choice(devices),
            account_id=random.choice(accounts),
            message="",
        )
        for category, severity, event_type, resolved in product(
            CATEGORIES, SEVERITIES, TYPES, STATES
        )
        for _ in range(4)
        if random.random() < 0.8
    ]
    random.shuffle(rows)
    SystemEvent.objects.bulk_create(rows)
    return subjects


def asked_for(
    given: dict[str, Any], subjects: dict[str, list[uuid.UUID]], resolved: bool | None
) -> SystemEventQuerySet:
    events = SystemEvent.objects.all()
    for column, values in given.items():
        if values is not None:
            if column in subjects:
                values = [subjects[column][number] for number in values]
            events = events.matching(EventFilter.where(**{NAMES.get(column, column): values}))
    if resolved is not None:
        events = events.resolved() if resolved else events.unresolved()
    return events


def ids(events: Any) -> list[int]:
    return [event.pk for event in events]


def choices() -> list[dict[str, Any]]:
    return [dict(zip(MATCHING, values, strict=True)) for values in product(*MATCHING.values())]


def test_every_combination_of_filters_gives_the_plain_querys_page_and_count(
    many: dict[str, list[uuid.UUID]],
) -> None:
    for given in random.sample(choices(), 60):
        for resolved in (None, True, False):
            events = asked_for(given, many, resolved)
            expected = ids(events.order_by("-pk"))
            assert ids(page.read(events, 10)) == expected[:10], given
            assert ids(page.read(events, 10, offset=15)) == expected[15:25], given
            assert ids(page.read(events, 7, ascending=True)) == expected[::-1][:7], given
            assert page.count(events, 1000) == len(expected), given
            assert page.count(events, 5) == min(5, len(expected)), given


def test_conditions_besides_hold_within_a_merged_page(many: dict[str, list[uuid.UUID]]) -> None:
    middle = ids(SystemEvent.objects.order_by("pk"))[200]
    some = EventFilter.where(severity=["error", "info"])
    events = SystemEvent.objects.matching(some).filter(pk__lt=middle).exclude(category="device")
    expected = ids(events.order_by("-pk"))
    assert ids(page.read(events, 20)) == expected[:20]
    assert page.count(events, 1000) == len(expected) > 0


def test_alternatives_are_not_taken_for_conditions(many: dict[str, list[uuid.UUID]]) -> None:
    errors = SystemEvent.objects.matching(EventFilter.where(severity="error"))
    some = errors | SystemEvent.objects.matching(EventFilter.where(category="scheduler"))
    one = errors ^ SystemEvent.objects.matching(EventFilter.where(category="scheduler"))
    none = SystemEvent.objects.exclude(severity="error")
    for events in (some, one, none):
        assert ids(page.read(events, 10_000)) == ids(events.order_by("-pk"))
        assert page.count(events, 10_000) == events.count()


def test_a_filter_given_twice_must_hold_twice(many: dict[str, list[uuid.UUID]]) -> None:
    twice = EventFilter.where(severity=["error", "odd"]) & EventFilter.where(severity="odd")
    events = SystemEvent.objects.matching(twice)
    assert {event.severity for event in page.read(events, 50)} == {"odd"}


def test_no_value_gives_no_event(many: dict[str, list[uuid.UUID]]) -> None:
    events = SystemEvent.objects.matching(EventFilter.where(severity=[]))
    assert ids(page.read(events, 10)) == []
    assert page.count(events, 10) == 0


@pytest.mark.django_db(transaction=True)
def test_the_library_reads_the_same_pages(many: dict[str, list[uuid.UUID]]) -> None:
    for given in random.sample(choices(), 40):
        if "" in (given["event_type"] or ()):
            continue  # the library knows that there is none
        names = {name: given[name] for name in ("category", "event_type") if given[name]}
        if given["severity"] == ["error"]:
            names["severity"] = "error"
        if given["device"]:
            names["device_id"] = many["device"][0]
        for resolved in (None, True, False):
            asked = {
                name: [value] if isinstance(value, str | uuid.UUID) else value
                for name, value in names.items()
            }
            events = asked_for(asked, {}, resolved)
            found = library.get_events(**names, resolved=resolved, limit=9)
            assert [event["id"] for event in found] == ids(events.order_by("-pk")[:9]), names
            upwards = library.get_events(**names, resolved=resolved, limit=9, after_id=3)
            assert [event["id"] for event in upwards] == ids(
                events.filter(pk__gt=3).order_by("pk")[:9]
            ), names


@pytest.fixture
def spread(many: dict[str, list[uuid.UUID]], monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Events a minute apart in the order of their ids, but for some that came late or early."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number, event in enumerate(SystemEvent.objects.order_by("pk")):
        astray = random.randint(-300, 300) if random.random() < 0.1 else 0
        event.timestamp = start + timedelta(minutes=number + astray)
        event.save(update_fields=["timestamp"])
    # Spans of a test are small; what matters are those that are not.
    monkeypatch.setattr(time_range, "FEW_ROWS", 5)
    monkeypatch.setattr(time_range, "OUTLIER_SHARE", random.choice([0.03, 0.4]))
    with connection.cursor() as cursor:  # over many blocks, up to the last id there is
        cursor.execute("UPDATE system_events SET id = (id << 14) - (1::bigint << 62)")
        cursor.execute(
            "UPDATE system_events SET id = 9223372036854775807"
            " WHERE id = (SELECT max(id) FROM system_events)"
        )
    return start


def test_a_span_of_time_gives_the_plain_querys_page_wherever_late_rows_lie(
    many: dict[str, list[uuid.UUID]], spread: datetime
) -> None:
    sides: list[dict[str, Any]]
    sides = [{}, {"severity": ["error"]}, {"device_id": many["device"][0]}, {"resolved": False}]
    for _ in range(40):
        since, until = sorted(spread + timedelta(minutes=random.randint(-50, 500)) for _ in "ab")
        for times in (
            {"since": since},
            {"until": until},
            {"since": since, "until": until},
        ):
            asked = EventFilter.of(times) & EventFilter.where(**random.choice(sides))
            events = SystemEvent.objects.matching(asked)
            expected = ids(events.order_by("-pk"))
            assert ids(page.read(events, 12)) == expected[:12], times
            assert ids(page.read(events, 12, offset=20)) == expected[20:32], times
            assert ids(page.read(events, 12, ascending=True)) == expected[::-1][:12], times
            assert page.count(events, 1000) == len(expected), times
            assert page.count(events, 7) == min(7, len(expected)), times


def test_a_span_of_time_against_the_order_of_ids_shows_and_counts_each_event_once(
    many: dict[str, list[uuid.UUID]], spread: datetime
) -> None:
    for number, event in enumerate(SystemEvent.objects.order_by("-pk")):
        event.timestamp = spread + timedelta(minutes=number)
        event.save(update_fields=["timestamp"])
    for minutes in range(5, 100, 7):
        times = {"since": spread, "until": spread + timedelta(minutes=minutes)}
        every = EventFilter.where(severity=SEVERITIES) & EventFilter.of(times)
        events = SystemEvent.objects.matching(every)
        assert page.count(events, 1000) == minutes
        assert ids(page.read(events, 1000)) == ids(events.order_by("-pk"))
