"""The list at work in a real browser: by keyboard, beside arrivals, row by row."""

import json
import os
import re
from typing import Any

import psycopg
from playwright.sync_api import expect

from sovi import events

LIST = "/admin/events/systemevent/"


def test_events_are_selected_and_resolved_by_keyboard_alone(visit: Any) -> None:
    seen = visit()
    ids = [seen.add(f"Message {number}") for number in range(3)]
    page = seen.page
    page.goto(LIST)
    press = page.keyboard.press
    press("j")
    expect(page.get_by_role("link", name="Message 2", exact=True)).to_be_focused()
    press("j")
    press("j")
    press("k")
    expect(page.get_by_role("link", name="Message 1", exact=True)).to_be_focused()
    press("x")
    expect(page.get_by_text("1 of 3 selected")).to_be_visible()
    press("r")
    expect(page.get_by_label("Reason (optional)")).to_be_focused()
    page.keyboard.type("cable, replaced")
    press("Enter")
    expect(page.get_by_text("Resolved 1 event.")).to_be_visible()
    assert seen.rows.execute("SELECT id FROM system_events WHERE resolved").fetchall() == [
        (ids[1],)
    ]
    assert seen.value("SELECT reason FROM event_actions") == "cable, replaced"


def test_r_takes_the_current_event_where_none_is_selected(visit: Any) -> None:
    seen = visit()
    seen.add()
    page = seen.page
    page.goto(LIST)
    page.keyboard.press("r")
    expect(page.locator("select[name=action]")).to_have_value("")
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_text("1 of 1 selected")).to_be_visible()
    expect(page.locator("select[name=action]")).to_have_value("resolve_selected")


def test_keys_reach_search_and_help_and_can_be_turned_off(visit: Any) -> None:
    seen = visit()
    seen.add()
    page = seen.page
    page.goto(LIST)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("j?")
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("j?")
    page.get_by_role("heading", name="System events").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Use these keys").uncheck()
    dialog.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("?")
    page.keyboard.press("j")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Hello", exact=True)).not_to_be_focused()
    page.get_by_role("button", name="Keyboard").click()
    expect(dialog.get_by_label("Use these keys")).not_to_be_checked()


def test_a_row_is_copied_as_the_apis_json(visit: Any) -> None:
    seen = visit()
    event = seen.add("Login failed", context=json.dumps({"step": "login"}))
    page = seen.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(LIST)
    page.get_by_role("button", name="Copy as JSON: Login failed").click()
    expect(page.locator("#list-said")).to_have_text("Copied as JSON")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == page.request.get(f"/api/events/{event}").json()
    assert copied["context"] == {"step": "login"}


def test_arrivals_are_told_without_moving_what_is_read(visit: Any) -> None:
    seen = visit()
    device = seen.device("iPhone-A")
    for number in range(60):
        seen.add(f"Message {number}", device_id=device)
    page = seen.page
    with page.expect_response(re.compile("/api/logs/stream")):
        page.goto(f"{LIST}?severity=error&device=iphone-a&since=24h")
    row = page.get_by_role("link", name="Message 30", exact=True)
    row.scroll_into_view_if_needed()
    before = row.bounding_box()
    seen.add("New", device_id=device)
    seen.add("Of another severity", device_id=device, severity="info")
    seen.add("Of no device")
    news = page.get_by_role("link", name="1 new event: show it")
    expect(news).to_be_in_viewport()
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    assert row.bounding_box() == before
    seen.add("Newer", device_id=device)
    page.get_by_role("link", name="2 new events: show them").click()
    expect(page.get_by_role("link", name="Newer", exact=True)).to_be_visible()
    assert page.url.endswith("?device=iphone-a&severity=error&since=24h")


def test_what_happens_while_the_page_is_made_is_told_too(visit: Any) -> None:
    seen = visit()
    old = seen.add("Old")
    page = seen.page

    def before_the_stream(route: Any) -> None:
        for number in range(30):
            seen.add(f"In between {number}")
        events.resolve(old, "auto")
        route.continue_()

    page.route("**/api/logs/stream*", before_the_stream, times=1)
    page.goto(LIST)
    expect(page.get_by_role("link", name="30 new events: show them")).to_be_visible()
    expect(page.locator(".field-state .state")).to_have_text("Resolved")


def test_an_event_committed_late_below_those_shown_is_told_too(visit: Any) -> None:
    seen = visit()
    with psycopg.connect(os.environ["DATABASE_URL"]) as late:
        late.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " VALUES ('auth', 'error', 'login_failed', 'Late')"
        )
        seen.add("Shown")
        with seen.page.expect_response(re.compile("/api/logs/stream")):
            seen.page.goto(LIST)
    seen.page.get_by_role("link", name="1 new event: show it").click()
    expect(seen.page.get_by_role("link", name="Late", exact=True)).to_be_visible()


def test_resolutions_made_elsewhere_show_in_the_rows(visit: Any) -> None:
    seen = visit()
    event = seen.add("Login failed")
    page = seen.page
    with page.expect_response(re.compile("/api/logs/stream")):
        page.goto(LIST)
    other = visit()
    other.page.goto(f"{LIST}{event}/change/")
    other.page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".field-state .state")).to_have_text("Resolved")


def test_a_list_where_nothing_can_arrive_opens_no_stream(visit: Any) -> None:
    page = visit().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for query in ("until=2026-01-01T00:00:00", "max_id=5", "since=zzz"):
        page.goto(f"{LIST}?{query}")
        expect(page.get_by_role("button", name="Keyboard")).to_be_visible()
        assert not [url for url in asked if "/api/logs/stream" in url], query
