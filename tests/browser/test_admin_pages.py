"""Every page in a real browser: accessible, within its width, inert to hostile rows."""

import json
from typing import Any

import pytest
from accessibility import violations
from playwright.sync_api import expect

HOSTILE = "<script>window.hit = 1</script><img src=x onerror='window.hit = 2'>\"'</pre></script>"
LONG = "W" * 300
LIST = "/admin/events/systemevent/"
JOBS = "/admin/events/bulkjob/"


def fill(seen: Any, text: str = "Login failed: unexpected screen") -> dict[str, str]:
    """Add events of each severity, open and resolved; return the pages about them by name."""
    device, account = seen.device(f"iPhone {text}"), seen.account(f"user {text}")
    context = json.dumps({text: [text, 1, None], "step": "login"})
    event = 0
    for severity in ("info", "warning", "error", "critical", "unheard-of"):
        event = seen.add(
            text,
            severity=severity,
            category="auth",
            event_type=text,
            device_id=device,
            account_id=account,
            context=context,
        )
    seen.add(
        text,
        device_id=device,
        resolved=True,
        resolved_by="llm_agent",
        resolved_at="2026-01-31T18:30:05Z",
    )
    seen.rows.execute(
        "INSERT INTO event_actions (action, actor, actor_kind, face, reason, operation, events)"
        " VALUES ('reopen', %s, 'human', 'admin', %s, gen_random_uuid(),"
        " int8multirange(int8range(%s, %s, '[]')))",
        [text, text, event, event],
    )
    [job] = seen.rows.execute(
        "INSERT INTO event_bulk_jobs (action, filters, first_id, last_id, action_id, previewed_at,"
        " expected, expected_is_exact, actor, actor_kind, face, reason, operation, state, cursor,"
        " changed, left_alone, error)"
        " VALUES ('resolve', %s, 1, 100, 0, now(), 12345, false, %s, 'human', 'admin', %s,"
        " gen_random_uuid(), 'failed', 40, 12000, 3, %s) RETURNING id",
        [json.dumps({"q": [text]}), text, text, text],
    ).fetchone()
    return {
        "overview": "/admin/",
        "overview of a quarter": "/admin/?span=15m",
        "live": "/admin/events/live/?severity=error&highlight=failed&category=auth",
        "live without events": "/admin/events/live/?q=zzz",
        "live with an unreadable filter": "/admin/events/live/?severity=zzz",
        "health": "/admin/events/health/",
        "problems": "/admin/events/problems/",
        "problems of one category": "/admin/events/problems/?severity=info&category=auth",
        "no problems": "/admin/events/problems/?category=zzz",
        "problems with an unreadable filter": "/admin/events/problems/?severity=zzz",
        "timeline of a device": f"/admin/events/timeline/?device={device}",
        "timeline of an account": f"/admin/events/timeline/?account={account}&range=7d",
        "timeline without events": f"/admin/events/timeline/?device={device}&until=2000-01-01",
        "timeline to choose": f"/admin/events/timeline/?device={text}",
        "list": LIST,
        "filtered list": f"{LIST}?severity=error&severity=critical&since=24h&device=iphone",
        "list of one type": f"{LIST}?event_type=login_failed",
        "nothing matches": f"{LIST}?q=zzz",
        "unreadable filter": f"{LIST}?since=yesterday",
        "detail": f"{LIST}{event}/change/",
        "devices": "/admin/events/device/",
        "device": f"/admin/events/device/{device}/change/",
        "accounts": "/admin/events/account/",
        "account": f"/admin/events/account/{account}/change/",
        "preview of all that match": f"{JOBS}preview/?action=resolve&event_type={text}",
        "preview of nothing": f"{JOBS}preview/?action=reopen&category=zzz",
        "unreadable preview": f"{JOBS}preview/?action=reopen&severity={text}",
        "bulk jobs": JOBS,
        "bulk job": f"{JOBS}{job}/change/",
        "history": "/admin/events/eventaction/",
        "tokens": "/admin/events/apitoken/",
    }


def go(page: Any, name: str, path: str) -> None:
    """Open a page and wait for what its script adds."""
    page.goto(path)
    if name in ("live", "hostile tail"):
        page.locator("#tail summary").first.click()
    if name == "problems":
        page.locator(".resolve summary").first.click()
    if name.startswith("timeline of"):
        page.locator(".events-table > summary").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(visit: Any, scheme: str) -> None:
    seen = visit(scheme=scheme)
    found = {}
    for name, path in fill(seen).items():
        go(seen.page, name, path)
        if problems := violations(seen.page, scheme):
            found[name] = problems
    assert found == {}


def test_axe_finds_nothing_on_the_login_page(visit: Any) -> None:
    for scheme in ("light", "dark"):
        page = visit(scheme=scheme, log_in=False).page
        page.goto("/admin/login/")
        assert violations(page, scheme) == [], scheme


def test_axe_finds_nothing_in_the_help_and_the_news(visit: Any) -> None:
    for scheme in ("light", "dark"):
        seen = visit(scheme=scheme)
        seen.page.goto(LIST)
        seen.add("Arrived")
        seen.page.locator("#list-news a").wait_for()
        assert violations(seen.page, scheme) == [], scheme
        seen.page.keyboard.press("?")
        assert violations(seen.page, scheme) == [], scheme


def test_the_search_is_explained_beside_its_box_at_any_width(visit: Any) -> None:
    for width, scheme in ((390, "dark"), (1440, "light")):
        seen = visit(width=width, scheme=scheme)
        seen.page.goto(LIST)
        seen.page.get_by_text("Search help").click()
        explained = seen.page.get_by_text("context.likes>3")
        explained.scroll_into_view_if_needed()
        expect(explained).to_be_in_viewport()
        assert violations(seen.page, scheme) == []
        assert seen.has_no_sideways_scroll()


def test_axe_finds_nothing_on_a_phone(visit: Any) -> None:
    seen = visit(width=390)
    pages = fill(seen)
    for name in (
        "overview",
        "health",
        "problems",
        "timeline of a device",
        "live",
        "list",
        "detail",
        "device",
        "preview of all that match",
        "bulk job",
    ):
        go(seen.page, name, pages[name])
        assert violations(seen.page) == [], name


@pytest.mark.parametrize("text", ["Login failed: unexpected screen", LONG])
def test_no_page_scrolls_sideways(visit: Any, text: str) -> None:
    seen = visit()
    for name, path in fill(seen, text).items():
        go(seen.page, name, path)
        for width in (390, 768, 1024, 1100, 1440):
            seen.page.set_viewport_size({"width": width, "height": 900})
            assert seen.has_no_sideways_scroll(), (name, width)


def test_hostile_text_is_inert_on_every_page(visit: Any) -> None:
    seen = visit()
    pages = fill(seen, HOSTILE)
    pages["hostile tail"] = f"/admin/events/live/?highlight={HOSTILE}&event_type={HOSTILE}"
    pages["hostile filters"] = f"{LIST}?category={HOSTILE}&device={HOSTILE}&since={HOSTILE}"
    for name, path in pages.items():
        go(seen.page, name, path)
        assert seen.page.evaluate("window.hit") is None, name
        assert seen.page.locator("img[src=x]").count() == 0, name
