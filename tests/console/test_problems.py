"""The problems: unresolved events by kind, what is counted and how far, and resolving them."""

import random
import re
from collections.abc import Sequence
from datetime import timedelta
from html import unescape
from typing import Any

import psycopg
import pytest
from admin_rows import LIST, add, ids_shown, messages_of, staff_in, text_of
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.console import statements
from events.console.problems import grouping
from events.console.problems.grouping import Kind, Problems, read_problems
from events.filters.event_filter import EventFilter
from events.models import Account, Device, EventAction, SystemEvent
from events.models.event import CHUNK_ROWS
from events.reading.time_limit import ALONG_INDEXES, time_limit
from sovi_events import catalog, database

pytestmark = pytest.mark.django_db

PROBLEMS = "/admin/events/problems/"
ALL = catalog.SEVERITIES[::-1]


def asked(severities: Sequence[str], categories: Sequence[str] = ()) -> EventFilter:
    return EventFilter.of({"severity": severities, "category": list(categories)})


def read(
    severities: Sequence[str] = ALL, categories: Sequence[str] = (), up_to: int = 10**12
) -> Problems:
    return read_problems(asked(severities, categories), up_to, timezone.now())


def resolve(client: Client, event: SystemEvent, newest: SystemEvent, query: str = "") -> Any:
    address = f"{PROBLEMS}{event.pk}/resolve/{query}"
    return client.post(address, {"newest_id": str(newest.pk), "reason": "Rebooted"}, follow=True)


def unresolved_ids() -> set[int]:
    return set(SystemEvent.objects.unresolved().values_list("pk", flat=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("categories", [(), ("auth", "device")])
def test_the_rows_are_those_of_a_plain_group_by(seed: int, categories: tuple[str, ...]) -> None:
    chance = random.Random(seed)
    devices = [None, *(Device.objects.create(name=f"iPhone-{number}") for number in range(3))]
    accounts = [None, *(Account.objects.create(platform="x", username=n) for n in ("a", "b"))]
    now = timezone.now()
    for _ in range(300):
        add(
            severity=chance.choice([*ALL, "unheard-of"]),
            category=chance.choice(catalog.CATEGORIES),
            event_type=chance.choice(["login_failed", "install_failed", "<odd> one", ""]),
            device=chance.choice(devices),
            account=chance.choice(accounts),
            resolved=chance.choice([True, False, None]),
            timestamp=now - timedelta(minutes=chance.randrange(3000)),
        )
    severities = chance.choice([ALL, ("critical", "error"), ("warning",)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_type, device_id, account_id, count(*), min(timestamp), max(timestamp),"
            " max(id), max(array_position(%(known)s, severity)),"
            " count(*) FILTER (WHERE timestamp > %(now)s - interval '24 hours')"
            " FROM system_events WHERE NOT coalesce(resolved, FALSE)"
            " AND severity = ANY(%(severities)s) AND category = ANY(%(categories)s)"
            " GROUP BY 1, 2, 3 ORDER BY 8 DESC, 6 DESC, 7 DESC",
            {
                "known": list(catalog.SEVERITIES),
                "now": now,
                "severities": list(severities),
                "categories": list(categories or catalog.CATEGORIES),
            },
        )
        expected = cursor.fetchall()
    found = read_problems(asked(severities, categories), 10**12, now)
    assert found.kinds == len(expected) > 10
    assert found.cut == []
    assert [
        (
            problem.kind.event_type,
            problem.kind.device_id,
            problem.kind.account_id,
            problem.count.rows,
            problem.first_seen,
            problem.last_seen,
            problem.latest_id,
            catalog.SEVERITIES.index(problem.severity) + 1,
            sum(problem.per_interval),
        )
        for problem in found.rows
    ] == expected


def test_the_bars_count_by_hour_up_to_now() -> None:
    now = timezone.now()
    for minutes in (0, 59, 61, 23 * 60 + 30, 24 * 60 + 1, -5):
        add(severity="error", timestamp=now - timedelta(minutes=minutes))
    [problem] = read_problems(asked(["error"]), 10**12, now).rows
    assert problem.per_interval == [1, *[0] * 21, 1, 2]


def test_a_kind_is_as_grave_as_its_gravest_event() -> None:
    add(severity="warning", event_type="storage_low")
    add(severity="critical", event_type="storage_low")
    add(severity="warning", event_type="storage_low")
    add(severity="error", event_type="login_failed")
    assert [(row.kind.event_type, row.severity) for row in read().rows] == [
        ("storage_low", "critical"),
        ("login_failed", "error"),
    ]


def test_a_count_past_the_bound_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "COUNT_BOUND", 3)
    for _ in range(5):
        add(severity="error", event_type="login_failed")
    add(severity="error", event_type="install_failed")
    add(severity="critical", event_type="device_disconnected")
    found = read()
    assert found.cut == ["error"]
    assert [(row.kind.event_type, str(row.count)) for row in found.rows] == [
        ("device_disconnected", "1"),
        ("install_failed", "1+"),
        ("login_failed", "3+"),
    ]


def test_what_was_cut_is_said_also_where_nothing_is_left(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "COUNT_BOUND", 2)
    for _ in range(5):
        add(severity="error", category="auth")
    assert read(categories=["device"]).cut == ["error"]
    page = text_of(admin_client.get(f"{PROBLEMS}?category=device"))
    assert "Of severity error only the newest" in page


def test_more_kinds_than_are_shown_are_counted(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "ROWS_BOUND", 2)
    for number in range(5):
        add(severity="error", event_type=f"failed_{number}")
    page = text_of(admin_client.get(PROBLEMS))
    assert "The gravest 2 of 5 problems" in page
    assert "failed_2" not in page


def test_each_severity_is_read_by_its_own_index() -> None:
    add(severity="info")
    params: Any = {
        "severities": list(ALL),
        "categories": [],
        "newest_id": 10**12,
        "now": timezone.now(),
        "interval_seconds": 3600,
        "span_seconds": 86400,
        "bound": 100,
        "rows": 10,
    }
    with time_limit(1, planner=ALONG_INDEXES), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statements.PROBLEMS}", params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    # Of a table this small, either index on the severity is as cheap.
    assert re.search("Scan Backward using sovi_events_(unresolved_)?severity", plan)
    assert "Seq Scan" not in plan


def test_the_page_costs_as_many_queries_for_60_rows_as_for_3(admin_client: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            text_of(admin_client.get(PROBLEMS))
        return len([query for query in captured if "system_events" in query["sql"]])

    device = Device.objects.create(name="iPhone-A")
    for number in range(3):
        add(severity="error", event_type=f"failed_{number}", device=device)
    before = queries()
    for number in range(57):
        add(severity="error", event_type=f"other_{number}", device=device)
    assert before == queries() == 4  # the newest id, who writes, the kinds, the latest of each


def test_what_merely_happened_is_shown_only_when_asked_for(admin_client: Client) -> None:
    add(severity="info", event_type="warming_started")
    add(severity="warning", event_type="no_devices")
    page = text_of(admin_client.get(PROBLEMS))
    assert "no_devices" in page and "warming_started" not in page
    page = text_of(admin_client.get(f"{PROBLEMS}?severity=info"))
    assert "warming_started" in page and "no_devices" not in page


@pytest.mark.parametrize("has_device", [True, False])
def test_a_problem_opens_as_the_list_of_its_events(admin_client: Client, has_device: bool) -> None:
    device = Device.objects.create(name="iPhone-A")
    given: dict[str, Any] = {"severity": "error", "event_type": "login_failed"}
    with_device = [add(device=device, **given).pk for _ in range(3)]
    without = [add(**given).pk for _ in range(2)]
    add(device=device, resolved=True, **given)
    add(event_type="login_failed")  # an info event, which isn't counted here
    page = text_of(admin_client.get(PROBLEMS))
    links = [unescape(link) for link in re.findall(rf'href="{LIST}(\?[^"]*event_type[^"]*)"', page)]
    [link] = [link for link in links if (str(device.pk) in link) is has_device]
    assert sorted(ids_shown(admin_client, link)) == (with_device if has_device else without)


@pytest.mark.parametrize("event_type", ["a,b", " spaced ", '"a",\\ b', "type:a,b"])
def test_a_problem_of_an_odd_type_opens_its_events_alone(
    admin_client: Client, event_type: str
) -> None:
    event = add(severity="error", event_type=event_type)
    for other in ("a", "b", "spaced"):
        add(severity="error", event_type=other)
    page = text_of(admin_client.get(PROBLEMS))
    [link] = re.findall(rf'href="{LIST}(\?[^"]*&amp;q=[^"]*)"', page)
    assert ids_shown(admin_client, unescape(link)) == [event.pk]


def test_a_dash_lists_events_without_a_device_or_account(admin_client: Client) -> None:
    device = Device.objects.create(name="iPhone-A")
    account = Account.objects.create(platform="tiktok", username="grind4829")
    add(device=device, account=account)
    without_device, without_account = add(account=account), add(device=device)
    assert ids_shown(admin_client, "?device=-") == [without_device.pk]
    assert ids_shown(admin_client, "?account=-") == [without_account.pk]
    page = text_of(admin_client.get(f"{LIST}?device=-"))
    assert "no device" in page
    assert 'data-stream="/api/logs/stream?device_id=-"' in page


def test_a_problem_is_resolved_as_a_whole_and_recorded(admin_client: Client) -> None:
    device = Device.objects.create(name="iPhone-A")
    mine = [add(severity="error", event_type="login_failed", device=device) for _ in range(3)]
    others = [
        add(severity="error", event_type="login_failed"),
        add(severity="error", event_type="install_failed", device=device),
        add(severity="info", event_type="login_failed", device=device),
    ]
    response = resolve(admin_client, mine[0], others[-1])
    assert messages_of(response) == ["Resolved 3 events."]
    assert unresolved_ids() == {event.pk for event in others}
    action = EventAction.objects.get()
    assert (action.actor, action.actor_kind, action.face, action.reason) == (
        "admin",
        "human",
        "admin",
        "Rebooted",
    )
    again = resolve(admin_client, mine[0], others[-1])
    assert messages_of(again) == ["Of what the page showed, nothing is left to resolve so far."]


def test_what_arrived_after_the_page_was_shown_stays(admin_client: Client) -> None:
    shown = [add(severity="error") for _ in range(2)]
    page = text_of(admin_client.get(PROBLEMS))
    newest = re.findall(r'name="newest_id" value="(\d+)"', page)
    assert newest == [str(shown[-1].pk)]
    later = add(severity="error")
    resolve(admin_client, shown[-1], shown[-1])
    assert unresolved_ids() == {later.pk}


@pytest.mark.django_db(transaction=True)
def test_what_committed_late_under_a_lower_id_stays(admin_client: Client) -> None:
    with psycopg.connect(**database.parameters()) as writer:
        row = writer.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " VALUES ('scheduler', 'error', 'warming_started', 'Late') RETURNING id"
        ).fetchone()
        shown = add(severity="error")
        page = text_of(admin_client.get(PROBLEMS))
    assert row is not None and row[0] < shown.pk
    assert "Resolve 1 event" in page
    bound = int(re.findall(r'name="newest_id" value="(\d+)"', page)[0])
    assert bound < row[0]  # what is open may still appear below what was shown
    page = text_of(admin_client.get(PROBLEMS))
    assert "Resolve 2 events" in page
    assert f'name="newest_id" value="{shown.pk}"' in page


def test_what_the_list_shows_of_a_problem_can_be_resolved_there(admin_client: Client) -> None:
    events = [add(severity="error") for _ in range(3)]
    add(severity="error", device=Device.objects.create(name="iPhone-A"))
    page = text_of(admin_client.get(PROBLEMS))
    links = re.findall(rf'href="{LIST}(\?[^"]*device=-[^"]*)"', page)
    data = {
        "action": "resolve_selected",
        "index": "0",
        "select_across": "1",
        "newest_id": str(events[-1].pk),
        "_selected_action": str(events[0].pk),
    }
    response = admin_client.post(f"{LIST}{unescape(links[0])}", data, follow=True)
    assert "<strong>3</strong> events would be resolved" in re.sub(r"\s+", " ", text_of(response))


def test_only_what_the_filters_show_is_resolved(admin_client: Client) -> None:
    auth, account = (
        add(severity="error", event_type="login_failed", category=name)
        for name in ("auth", "account")
    )
    response = resolve(admin_client, auth, account, "?category=auth")
    assert unresolved_ids() == {account.pk}
    assert response.redirect_chain == [(f"{PROBLEMS}?category=auth", 302)]


def test_too_many_are_left_to_the_list(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.console.problems.views.RESOLVE_BOUND", 2)
    events = [add(severity="error") for _ in range(3)]
    assert "Resolve in the list" in text_of(admin_client.get(PROBLEMS))
    response = resolve(admin_client, events[0], events[-1])
    assert len(unresolved_ids()) == 3
    assert response.redirect_chain[0][0].startswith(f"{LIST}?resolved=false&event_type=")
    assert "select all that match" in messages_of(response)[0]


@pytest.mark.parametrize("newest", ["", "-1", "nonsense", "9" * 30])
def test_an_unreadable_request_changes_nothing(admin_client: Client, newest: str) -> None:
    event = add(severity="error")
    response = admin_client.post(
        f"{PROBLEMS}{event.pk}/resolve/", {"newest_id": newest}, follow=True
    )
    assert "nothing was changed" in messages_of(response)[0]
    assert unresolved_ids() == {event.pk}


def test_resolving_takes_the_permission_a_token_and_a_post() -> None:
    event = add(severity="error")
    viewer = staff_in("Event viewers")
    page = text_of(viewer.get(PROBLEMS))
    assert "warming_started" in page and "newest_id" not in page
    assert resolve(viewer, event, event).status_code == 403
    assert viewer.get(f"{PROBLEMS}{event.pk}/resolve/").status_code == 405
    assert unresolved_ids() == {event.pk}


def test_resolving_without_a_csrf_token_is_refused(admin_user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    event = add(severity="error")
    assert resolve(client, event, event).status_code == 403
    assert unresolved_ids() == {event.pk}


def test_resolving_the_kind_of_an_event_that_is_gone_is_not_found(admin_client: Client) -> None:
    event = add(severity="error")
    address = f"{PROBLEMS}{event.pk + 1}/resolve/"
    assert admin_client.post(address, {"newest_id": str(event.pk)}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_many_are_resolved_in_several_transactions_none_of_which_is_long(
    admin_client: Client,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " SELECT 'device', 'error', 'x', '' FROM generate_series(1, %s)",
            [CHUNK_ROWS + 1],
        )
        newest = SystemEvent.objects.latest("pk")
        resolve(admin_client, newest, newest)
        cursor.execute("SELECT count(DISTINCT resolved_at) FROM system_events")
        assert cursor.fetchone() == (2,)
    assert not unresolved_ids()


def test_only_who_may_view_events_sees_them(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("clerk", is_staff=True))
    assert client.get(PROBLEMS).status_code == 403
    assert PROBLEMS not in text_of(client.get("/admin/"))
    responder = staff_in("Event responders")
    assert PROBLEMS in text_of(responder.get("/admin/"))
    assert responder.get(PROBLEMS).status_code == 200


@pytest.mark.parametrize("query", ["?severity=eror", "?colour=red", "?category=%00"])
def test_an_unreadable_filter_is_said_in_words(admin_client: Client, query: str) -> None:
    add(severity="error")
    page = text_of(admin_client.get(f"{PROBLEMS}{query}"))
    assert 'role="alert"' in page and "warming_started" not in page


def test_an_empty_page_says_what_to_do_next(admin_client: Client) -> None:
    assert "make demo" in text_of(admin_client.get(PROBLEMS))
    add(severity="error", resolved=True)
    assert "Watch live events" in text_of(admin_client.get(PROBLEMS))
    assert "No problem matches" in text_of(admin_client.get(f"{PROBLEMS}?category=auth"))


def test_a_database_that_takes_too_long_is_said_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = statements.PROBLEMS.replace("FROM newest\n", "FROM newest, pg_sleep(10)\n")
    assert slow != statements.PROBLEMS
    monkeypatch.setattr("events.console.statements.PROBLEMS", slow)
    monkeypatch.setattr("events.console.problems.views.TIMEOUT_SECONDS", 0.05)
    add(severity="error")
    assert "took too long" in text_of(admin_client.get(PROBLEMS))


def test_a_kind_of_odd_text_is_resolved_as_well(admin_client: Client) -> None:
    event = add(severity="error", event_type="a\nb, \"c\" <d> '%s' &amp;")
    other = add(severity="error", event_type="a\r\nb, \"c\" <d> '%s' &amp;")
    assert Kind.of(event) != Kind.of(other)
    resolve(admin_client, event, other)
    assert unresolved_ids() == {other.pk}
