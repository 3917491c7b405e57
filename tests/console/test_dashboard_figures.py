"""The dashboard's figures: what they count, how far, and what they cost."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from admin_rows import add, text_of
from calls import counted_calls
from django.contrib.auth.models import User
from django.db import connection
from django.template import Node, Template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from queries import captured_queries

from events.console import statements
from events.console.dashboard import figures
from events.console.dashboard.clock_ranges import SPANS
from events.console.dashboard.histogram import histogram
from events.models import Account, Device, SystemEvent
from events.models.actor import Actor
from events.reading.time_limit import ALONG_INDEXES, time_limit
from events.statistics.rollups.rolling import roll_up
from events.web.names import PERMISSION

pytestmark = pytest.mark.django_db

ADA = Actor("ada", "human", "admin")


def ago(**duration: float) -> datetime:
    return timezone.now() - timedelta(**duration)


def of(severity: str) -> figures.Unresolved:
    return next(entry for entry in figures.unresolved() if entry.severity == severity)


def test_unresolved_events_are_counted_by_severity_the_gravest_first() -> None:
    add(severity="critical")
    add(severity="error")
    add(severity="error", resolved=None)
    add(severity="error", resolved=True)
    found = [(entry.severity, str(entry.count)) for entry in figures.unresolved()]
    assert found == [("critical", "1"), ("error", "2"), ("warning", "0"), ("info", "0")]


def test_the_count_stops_at_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "COUNT_BOUND", 3)
    for _ in range(5):
        add(severity="error")
    entry = of("error")
    assert (str(entry.count), entry.since_hour) == ("3+", None)


def test_a_change_is_what_came_less_what_was_resolved() -> None:
    add(severity="error", timestamp=ago(days=2))
    for hours in (2, 3, 4):
        add(severity="error", timestamp=ago(hours=hours))
    add(severity="error")
    old = [event.pk for event in SystemEvent.objects.order_by("pk")[:3]]
    SystemEvent.objects.filter(pk__in=old).resolve(by=ADA)
    # An hour ago 4 were unresolved, a day ago 1; now 2 are.
    assert (of("error").since_hour, of("error").since_day) == (-2, 1)


def test_what_came_and_went_within_the_hour_is_no_change() -> None:
    add(severity="error")
    SystemEvent.objects.all().resolve(by=ADA)
    assert (of("error").since_hour, of("error").since_day) == (0, 0)


def test_a_change_is_unknown_where_more_was_done_than_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "ACTIONS_BOUND", 2)
    for _ in range(3):
        SystemEvent.objects.filter(pk=add(severity="error").pk).resolve(by=ADA)
    assert (of("error").since_hour, of("error").since_day) == (None, None)


def test_tops_count_unresolved_failures_only() -> None:
    device = Device.objects.create(name="iPhone-A")
    account = Account.objects.create(platform="tiktok", username="grind4829")
    for severity in ("critical", "error", "warning", "info"):
        add(severity=severity, event_type="login_failed", device=device, account=account)
    add(severity="error", event_type="login_failed", resolved=True, device=device)
    add(severity="error", event_type="install_failed")
    event_types, devices, accounts = (
        [(top.label, top.count) for top in tops] for tops in figures.tops(PERMISSION)
    )
    assert event_types == [("login_failed", 2), ("install_failed", 1)]
    assert devices == [("iPhone-A", 2)]
    assert accounts == [("tiktok/grind4829", 2)]


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
def test_the_histogram_counts_each_event_in_its_interval(span: Any) -> None:
    now = timezone.now()
    buckets = span.buckets(now)
    starts = buckets.starts
    assert len(starts) == span.intervals
    assert starts[-1] <= now < starts[-1] + span.interval
    add(severity="error", timestamp=starts[0])
    add(severity="unheard-of", timestamp=starts[1])
    add(severity="info", timestamp=starts[1] - timedelta(microseconds=1))
    add(severity="info", timestamp=starts[0] - timedelta(microseconds=1))
    counts = [dict(+found) for found in histogram(buckets)]
    assert counts == [{"error": 1, "info": 1}, {"other": 1}, *[{}] * (span.intervals - 2)]


def test_the_histogram_is_true_at_once_however_late_an_event_comes() -> None:
    buckets = SPANS["30d"].buckets(timezone.now())
    for number in range(1, 4):
        add(timestamp=buckets.since)
        assert histogram(buckets)[0]["info"] == number
        list(roll_up())
        assert histogram(buckets)[0]["info"] == number


def test_a_histogram_that_takes_too_long_leaves_the_other_figures(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(severity="error")
    slow = "SELECT 0::bigint FROM pg_sleep(10)"
    monkeypatch.setattr("events.statistics.rollups.statements.MARK", slow)
    monkeypatch.setattr("events.statistics.counting.TIMEOUT_SECONDS", 0.05)
    page = text_of(admin_client.get("/admin/"))
    assert "Counting these took too long" in page
    assert page.count('<td class="nothing">…</td>') == 48 * 4
    assert "1 more than an hour ago" in page


def test_the_page_costs_as_much_for_60_rows_as_for_3(admin_client: Client) -> None:
    def cost() -> tuple[int, dict[str, int]]:
        with captured_queries() as queries, counted_calls(reverse, Template.render) as calls:
            text_of(admin_client.get("/admin/"))
        return len(queries), dict(calls)

    device = Device.objects.create(name="iPhone-A")
    for _ in range(3):
        add(severity="error", device=device)
    list(roll_up())
    cost()  # what is kept for good is made
    with_3 = cost()
    for number in range(57):
        add(f"Message {number}", severity="error", device=device)
    assert cost() == with_3
    # Session, user; the latest failures; two ids for the changes, what is unresolved, what was
    # resolved; tops; the mark of the rollups, the chart.
    assert with_3[0] == 9


def test_a_chart_of_60_bars_costs_the_template_as_much_as_one_of_48(admin_client: Client) -> None:
    def calls(span: str) -> dict[str, int]:
        with counted_calls(reverse, Template.render, Node.render_annotated) as counted:
            text_of(admin_client.get(f"/admin/?span={span}"))
        return dict(counted)

    calls("24h")
    assert calls("24h") == calls("30d")


def test_who_may_not_view_events_gets_no_figures(client: Client) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    page = text_of(client.get("/admin/"))
    assert "You may not view events" in page
    assert "unresolved" not in page


def test_who_is_not_of_the_staff_is_asked_to_log_in(client: Client) -> None:
    response = client.get("/admin/")
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_an_unknown_span_shows_a_day(admin_client: Client) -> None:
    page = text_of(admin_client.get("/admin/?span=century"))
    assert re.search(r'href="\?span=24h" aria-current="true"', page)


def test_a_database_that_takes_too_long_is_said_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = (
        "SELECT severity, 1, 1, 1, 1 FROM unnest(%(severities)s::text[]) AS severity, pg_sleep(10)"
    )
    monkeypatch.setattr("events.console.statements.UNRESOLVED", slow)
    monkeypatch.setattr("events.console.dashboard.views.TIMEOUT_SECONDS", 0.05)
    assert "Counting took too long" in text_of(admin_client.get("/admin/"))


def test_each_severity_is_read_by_its_own_index() -> None:
    with connection.cursor() as cursor:
        # Enough for the one index to cost less than another.
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, resolved)"
            " SELECT 'auth', (ARRAY['info', 'error'])[1 + n % 2], 'x', 'Hello', n % 50 > 1"
            " FROM generate_series(1, 5000) AS n"
        )
        cursor.execute("ANALYZE system_events")
    params: Any = {"severities": list(figures.FAILURES), "bound": 100, "rows": 6}
    params |= {"hour": 1, "day": 1}
    with time_limit(1, planner=ALONG_INDEXES), connection.cursor() as cursor:
        for statement in (statements.UNRESOLVED, statements.TOPS):
            cursor.execute(f"EXPLAIN {statement}", params)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Index Only Scan Backward using sovi_events_unresolved_severity" in plan
