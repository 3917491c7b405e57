"""The timeline: what it reads, how failures and recoveries are paired, silence, and its bounds."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import psycopg
import pytest
from admin_rows import LIST, add, ids_shown, staff_in, text_of
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.console.timeline import page_context
from events.console.timeline.durations import in_words
from events.console.timeline.layout import lanes
from events.console.timeline.period import MARKS, RANGES, Period
from events.console.timeline.recoveries import outages
from events.console.timeline.silence import silences
from events.console.timeline.subject import SUBJECT_TYPES
from events.console.timeline.views import read_events
from events.models import Account, Device, SystemEvent
from events.reading.time_limit import time_limit
from sovi_events import database

TIMELINE = "/admin/events/timeline/"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
DAY = Period(NOON - timedelta(days=1), NOON)
DEVICE, ACCOUNT = SUBJECT_TYPES


@pytest.fixture
def device(db: None) -> Device:
    return Device.objects.create(name="iPhone-A")


def at(minutes: float, event_type: str = "login_failed", **columns: Any) -> SystemEvent:
    """An event so many minutes after noon, not stored; `pk` and ids as given."""
    given = {"category": "account", "severity": "error", "message": "Hello", **columns}
    instant = NOON + timedelta(minutes=minutes)
    return SystemEvent(timestamp=instant, event_type=event_type, **given)


def paired(*events: SystemEvent) -> list[tuple[int, int, int, int | None]]:
    """First, last, how many, and the recovery, by primary key."""
    for number, event in enumerate(events, start=1):
        event.pk = number
    return [
        (found.first.pk, found.last.pk, found.failures, found.recovery and found.recovery.pk)
        for found in outages(events)
    ]


PHONE, OTHER_PHONE = (Device(name=name).pk for name in "ab")
USER, OTHER_USER = (Account(username=name).pk for name in "ab")


def test_a_failure_ends_with_the_next_recovery_of_the_same_account() -> None:
    assert paired(
        at(0, account_id=USER),
        at(1, "login_success", account_id=OTHER_USER),
        at(2, "login_success", account_id=USER),
        at(3, "login_success", account_id=USER),
        at(4, account_id=USER),
    ) == [(1, 1, 1, 3), (5, 5, 1, None)]


def test_failures_before_one_recovery_are_one_outage_by_type() -> None:
    assert paired(
        at(0, account_id=USER),
        at(1, "captcha_failed", account_id=USER, category="auth"),
        at(2, account_id=USER),
        at(3, "login_success", account_id=USER),
    ) == [(1, 3, 2, 4), (2, 2, 1, 4)]


def test_each_category_has_its_outage() -> None:
    scheduler = at(0, account_id=USER, category="scheduler")
    assert paired(scheduler, at(1, account_id=USER), at(2, "login_success", account_id=USER)) == [
        (1, 1, 1, 3),
        (2, 2, 1, 3),
    ]


def test_one_that_names_less_recovers_unless_it_names_another() -> None:
    assert paired(
        at(0, "install_failed", device_id=PHONE, account_id=USER),
        at(1, "app_installed", device_id=OTHER_PHONE),
        at(2, "app_installed", device_id=PHONE, account_id=OTHER_USER),
        at(3, "app_installed", device_id=PHONE),
    ) == [(1, 1, 1, 4)]


def test_what_names_neither_recovers_from_nothing() -> None:
    assert paired(at(0, account_id=USER), at(1, "login_success")) == [(1, 1, 1, None)]


def test_a_recovery_before_the_failure_ends_nothing() -> None:
    success = at(0, "login_success", account_id=USER)
    assert paired(success, at(1, account_id=USER)) == [(2, 2, 1, None)]


def test_silences_are_the_long_gaps_the_edges_included() -> None:
    period = Period(NOON, NOON + timedelta(minutes=60))
    heard = [NOON + timedelta(minutes=minutes) for minutes in (5, 9, 30, 34, 56)]
    found = [
        ((gap.since - NOON) / timedelta(minutes=1), (gap.until - NOON) / timedelta(minutes=1))
        for gap in silences(heard, period)
    ]
    assert found == [(0, 5), (9, 30), (34, 56)]
    [whole] = silences([], period)
    assert whole.length == timedelta(minutes=60)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "less than a second"),
        (59, "59 s"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (12120, "3 h 22 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_durations_are_said_in_two_units(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def test_the_axis_is_marked_at_round_times_of_the_sites_clock() -> None:
    with override_settings(TIME_ZONE="Europe/Berlin"), timezone.override("Europe/Berlin"):
        labels = [label for _, label in DAY.marks()]
        # A Sunday of 23 hours lies between.
        end = datetime(2026, 3, 31, 10, tzinfo=UTC)
        days = list(Period(end - timedelta(days=7), end).marks())
    assert labels == ["16:00", "20:00", "01-31", "04:00", "08:00", "12:00"]
    assert [label for _, label in days][-3:] == ["03-29", "03-30", "03-31"]
    assert [instant.astimezone(UTC).hour for instant, _ in days][-3:] == [23, 22, 22]


@pytest.mark.parametrize(
    "seconds", [3, 45, 700, *(r.length.total_seconds() for r in RANGES.values())]
)
def test_an_axis_of_any_length_has_a_few_marks(seconds: float) -> None:
    marks = list(Period(NOON - timedelta(seconds=seconds), NOON).marks())
    assert 2 <= len(marks) <= MARKS
    assert [instant for instant, _ in marks] == sorted(instant for instant, _ in marks)


def test_lanes_hold_every_event_once_close_ones_together() -> None:
    events = [
        at(-600, category="device", severity="critical"),
        at(-599.9, category="device", severity="critical"),
        at(-599.9, category="device", severity="info"),
        at(-300, category="scheduler"),
        at(-299, category="unheard-of", severity="unheard-of"),
    ]
    found = lanes(events, outages(events), DAY)
    assert [(lane.category, lane.events) for lane in found] == [
        ("scheduler", 1),
        ("device", 3),
        ("unheard-of", 1),
    ]
    device = found[1]
    assert [(mark.severity, len(mark.events)) for mark in device.marks] == [
        ("critical", 2),
        ("info", 1),
    ]
    assert device.marks[0].y < device.marks[1].y < device.height
    assert found[0].marks[0].x == "79.17%"
    assert found[0].bars[0].width == "20.83%"  # nothing has ended it
    assert found[2].marks[0].severity == "other"


def test_it_reads_the_subjects_events_of_the_period_the_latest_first(device: Device) -> None:
    other = Device.objects.create(name="iPhone-B")
    inside = [add(device=device, timestamp=DAY.since), add(device=device, timestamp=NOON)]
    inside.pop()  # the end is not of the period
    inside.append(add(device=device, timestamp=NOON - timedelta(seconds=1)))
    add(device=other, timestamp=NOON - timedelta(hours=1))
    add(timestamp=NOON - timedelta(hours=1))
    assert read_events(DEVICE, device, DAY) == inside[::-1]


def test_what_a_clock_that_is_ahead_says_is_shown_and_said(
    admin_client: Client, device: Device
) -> None:
    now = timezone.now()
    for minutes in (7, 9):
        add("ahead", device=device, timestamp=now + timedelta(minutes=minutes, seconds=30))
    page = unescape(text_of(admin_client.get(f"{TIMELINE}?device={device.pk}")))
    assert "2 events are of times to come, the last in 9 min" in page
    assert "Nothing was heard" not in page
    assert page.count('<span class="ago"></span></td>') == 2  # for the script
    assert "until now" not in page  # nobody knows for how long it was silent
    [link] = re.findall(r'href="([^"]*)">Show them in the list', page)
    assert text_of(admin_client.get(link)).count(">ahead<") == 2


def test_it_is_read_by_an_index(device: Device) -> None:
    with CaptureQueriesContext(connection) as captured:
        read_events(DEVICE, device, DAY)
    [query] = [entry["sql"] for entry in captured if "system_events" in entry["sql"]]
    with time_limit(1), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "sovi_events_" in plan and "Seq Scan" not in plan


def test_only_the_newest_are_drawn_and_it_says_where_they_begin(
    admin_client: Client, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_context, "DRAWN_BOUND", 3)
    monkeypatch.setattr("events.console.timeline.views.DRAWN_BOUND", 3)
    now = timezone.now()
    for minutes in (300, 240, 180, 120, 60):
        add(f"{minutes} ago", device=device, timestamp=now - timedelta(minutes=minutes))
    page = text_of(admin_client.get(f"{TIMELINE}?device={device.pk}"))
    assert "Only the newest 3 events of this period are shown" in page
    assert "180 ago" in page and "240 ago" not in page
    assert "from the beginning of the period" not in page  # what wasn't read was not silent
    [earlier] = re.findall(r'href="([^"]*)">Show those before', page)
    page = text_of(admin_client.get(unescape(earlier)))
    assert "240 ago" in page and "300 ago" in page and "180 ago" not in page


def test_the_page_says_what_failed_what_recovered_and_what_was_silent(
    admin_client: Client, device: Device
) -> None:
    now = timezone.now()
    for minutes, event_type in ((700, "install_failed"), (690, "app_installed")):
        add(device=device, event_type=event_type, timestamp=now - timedelta(minutes=minutes))
    page = re.sub(
        r"\s+",
        " ",
        re.sub(r"<[^>]+>", "", text_of(admin_client.get(f"{TIMELINE}?device={device.pk}"))),
    )
    time = r"[\d: -]{19}"
    assert re.search(f"install_failed scheduler {time} app_installed {time} after 10 min", page)
    assert re.search(f"11 h 30 min since {time}, until now", page)


def test_each_mark_leads_to_its_event_and_several_to_their_list(
    admin_client: Client, device: Device
) -> None:
    now = timezone.now()
    given: dict[str, Any] = {"device": device, "category": "device", "severity": "error"}
    together = [add(timestamp=now - timedelta(hours=9), **given) for _ in range(3)]
    alone = add(timestamp=now - timedelta(hours=3), **given)
    add(timestamp=now - timedelta(hours=9), **{**given, "category": "auth"})
    page = text_of(admin_client.get(f"{TIMELINE}?device={device.pk}"))
    links = [unescape(link) for link in re.findall(r'<a href="([^"]*)" tabindex="-1">', page)]
    assert f"{LIST}{alone.pk}/change/" in links
    [several] = [link for link in links if link.startswith(f"{LIST}?")]
    shown = ids_shown(admin_client, several.removeprefix(LIST))
    assert sorted(shown) == [event.pk for event in together]


def test_earlier_and_later_adjoin_each_other(admin_client: Client, device: Device) -> None:
    page = text_of(admin_client.get(f"{TIMELINE}?device={device.pk}&range=1h"))
    assert 'rel="next"' not in page
    for _ in range(2):
        [earlier] = re.findall(r'rel="prev" href="([^"]*)"', page)
        page = text_of(admin_client.get(unescape(earlier)))
    times = re.findall(r'<time datetime="([^"]*)"', page)[:2]
    since, until = (datetime.fromisoformat(text) for text in times)
    assert until - since == timedelta(hours=1)
    [later] = re.findall(r'rel="next" href="([^"]*)"', page)
    page = text_of(admin_client.get(unescape(later)))
    assert re.findall(r'<time datetime="([^"]*)"', page)[0] == times[1]


def test_it_costs_as_many_queries_for_100_events_as_for_5(
    admin_client: Client, device: Device
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            text_of(admin_client.get(f"{TIMELINE}?device={device.pk}"))
        return len([entry for entry in captured if "FROM" in entry["sql"]])

    for _ in range(5):
        add(device=device)
    before = queries()
    for _ in range(95):
        add(device=device)
    assert before == queries() == 4  # session, user, device, events


def test_a_name_will_do_where_it_stands_for_one(admin_client: Client, device: Device) -> None:
    Device.objects.create(name="iPhone-B")
    Account.objects.create(platform="tiktok", username="grind4829")
    page = text_of(admin_client.get(f"{TIMELINE}?device=iphone-a"))
    assert "Timeline of iPhone-A" in page
    page = text_of(admin_client.get(f"{TIMELINE}?account=grind4829"))
    assert "Timeline of tiktok/grind4829" in page
    page = text_of(admin_client.get(f"{TIMELINE}?device=iphone"))
    assert "stands for several" in page and f"?device={device.pk}" in page


@pytest.mark.parametrize(
    "query",
    [
        "?device=nobody",
        "?device=%00",
        "?device=iPhone-A&account=x",
        "?device=iPhone-A&until=tomorrow",
        "?device=iPhone-A&until=0001-01-01T00:00:00Z",
        "?device=iPhone-A&until=9999-12-31T23:59:59Z",
    ],
)
def test_an_unreadable_address_is_said_in_words(
    admin_client: Client, device: Device, query: str
) -> None:
    assert 'role="alert"' in text_of(admin_client.get(f"{TIMELINE}{query}"))


def test_without_a_subject_it_asks_for_one(admin_client: Client) -> None:
    assert "Of which device or account?" in text_of(admin_client.get(TIMELINE))


def test_only_who_may_view_events_sees_it(
    client: Client, device: Device, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(f"{TIMELINE}?device={device.pk}").status_code == 403
    assert staff_in("Event viewers").get(f"{TIMELINE}?device={device.pk}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_too_long_is_said_so(
    admin_client: Client, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.console.timeline.views.TIMEOUT_SECONDS", 0.05)
    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        page = text_of(admin_client.get(f"{TIMELINE}?device={device.pk}"))
    assert "Choose a shorter period" in page


@pytest.mark.parametrize("sort", ["device", "account"])
def test_pages_about_a_subject_lead_to_its_timeline(admin_client: Client, sort: str) -> None:
    subject: Any = (
        Device.objects.create(name="iPhone-A")
        if sort == "device"
        else Account.objects.create(platform="tiktok", username="grind4829")
    )
    event = add(timestamp=timezone.now() - timedelta(days=9), **{sort: subject})
    page = text_of(admin_client.get(f"/admin/events/{sort}/{subject.pk}/change/"))
    assert f'href="{TIMELINE}?{sort}={subject.pk}"' in page
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/"))
    [link] = re.findall(rf'href="({TIMELINE}\?{sort}={subject.pk}&[^"]*)"', page)
    assert f"{LIST}{event.pk}/change/" in text_of(admin_client.get(unescape(link)))
