"""The admin in a real browser: logging in, finding, reading and resolving events."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

LIST = "/admin/events/systemevent/"


def test_an_operator_logs_in_and_reaches_the_events(visit: Any, password: str) -> None:
    page = visit(log_in=False).page
    page.goto("/admin/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_title("Overview | SOVI Events")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Events").click()
    expect(page.get_by_role("heading", name="System events")).to_be_visible()
    expect(page.get_by_text("No events yet")).to_be_visible()


def test_filters_are_set_one_by_one_and_taken_away_by_their_chips(visit: Any) -> None:
    seen = visit()
    device = seen.device("iPhone-A")
    seen.add("Login of A failed", device_id=device)
    seen.add("Login of nobody failed")
    seen.add("All is well", severity="info", device_id=device)
    page = seen.page
    page.goto(LIST)
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(3)
    panel = page.get_by_role("navigation", name="Filters")
    panel.get_by_role("link", name="error").click()
    expect(rows).to_have_count(2)
    panel.get_by_role("link", name="24 h").click()
    panel.get_by_label("Device").fill("iphone-a")
    panel.get_by_role("button", name="Apply").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Login of A failed")
    # The fields left empty stay out of the address.
    assert page.url.endswith("?device=iphone-a&severity=error&since=24h")
    page.get_by_role("link", name=re.compile("Severity: error")).click()
    expect(rows).to_have_count(2)
    page.get_by_role("link", name="Clear all", exact=True).click()
    expect(rows).to_have_count(3)


def test_a_time_typed_into_the_panel_filters(visit: Any) -> None:
    seen = visit()
    seen.add("Old", timestamp="2026-01-01T00:00:00Z")
    seen.add("New")
    page = seen.page
    page.goto(LIST)
    page.get_by_label("Until").fill("2026-01-02T00:00:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    expect(page.get_by_label("Until")).to_have_value(re.compile("2026-01-02T00:00"))


def test_selected_rows_are_resolved_in_the_database(visit: Any) -> None:
    seen = visit()
    ids = [seen.add(f"Message {number}") for number in range(4)]
    page = seen.page
    page.goto(LIST)
    boxes = page.locator("#result_list tbody input[type=checkbox]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.get_by_text("2 of 4 selected")).to_be_visible()
    page.locator("select[name=action]").select_option("resolve_selected")
    page.get_by_label("Reason (optional)").fill("Known outage")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_text("Resolved 2 events.")).to_be_visible()
    resolved = seen.rows.execute(
        "SELECT id, resolved_by FROM system_events WHERE resolved ORDER BY id"
    ).fetchall()
    assert resolved == [(ids[2], "human"), (ids[3], "human")]
    recorded = seen.rows.execute("SELECT actor, face, reason FROM event_actions").fetchall()
    assert recorded == [("operator", "admin", "Known outage")]


def test_an_event_is_read_resolved_and_reopened_on_its_page(visit: Any) -> None:
    seen = visit()
    event = seen.add(
        "Login failed",
        context='{"step": "login"}',
        device_id=seen.device(),
        account_id=seen.account(),
    )
    page = seen.page
    page.goto(LIST)
    page.get_by_role("link", name="Login failed").click()
    expect(page.get_by_role("heading", name="Login failed")).to_be_visible()
    expect(page.locator("pre")).to_contain_text('"step": "login"')
    page.get_by_label("Reason (optional)").fill("Password renewed")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".history")).to_contain_text("Password renewed")
    assert seen.value("SELECT resolved_by FROM system_events WHERE id = %s", event) == "human"
    page.get_by_role("button", name="Reopen").click()
    expect(page.locator(".history li")).to_have_count(2)
    assert not seen.value("SELECT resolved FROM system_events WHERE id = %s", event)
    page.get_by_role("link", name="Events of this device").click()
    expect(page.get_by_role("link", name=re.compile("Device: iPhone-A"))).to_be_visible()


def test_times_are_told_in_the_largest_unit_that_fits(visit: Any) -> None:
    seen = visit()
    now = datetime.now(UTC).replace(microsecond=0)
    told = {
        timedelta(seconds=-5): "now",
        timedelta(seconds=59): "59 s ago",
        timedelta(minutes=3): "3 min ago",
        timedelta(hours=23): "23 h ago",
        timedelta(days=400): "400 d ago",
    }
    for duration, text in told.items():
        seen.add(f"Told as {text}", timestamp=now - duration)
    page = seen.page
    page.clock.set_fixed_time(now)
    page.goto(LIST)
    for text in told.values():
        row = page.get_by_role("row").filter(has_text=f"Told as {text}")
        expect(row.locator(".ago")).to_have_text(text)


def test_relative_times_stay_true(visit: Any) -> None:
    seen = visit()
    seen.add()
    page = seen.page
    page.clock.install()
    page.goto(LIST)
    page.clock.run_for("10:00")
    expect(page.locator(".ago").first).to_have_text(re.compile(r"^(9|10) min ago$"))


def test_the_filters_open_by_a_button_where_there_is_no_room(visit: Any) -> None:
    seen = visit(width=390)
    seen.add()
    page = seen.page
    page.goto(LIST)
    panel = page.get_by_role("navigation", name="Filters")
    expect(panel).to_be_hidden()
    button = page.get_by_role("button", name="Filters")
    button.click()
    expect(panel).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    assert seen.has_no_sideways_scroll()


def test_on_a_phone_selecting_brings_up_the_actions(visit: Any) -> None:
    seen = visit(width=390)
    event = seen.add()
    page = seen.page
    page.goto(LIST)
    go = page.get_by_role("button", name="Go")
    expect(go).to_be_hidden()
    page.locator("#result_list tbody input[type=checkbox]").check()
    expect(go).to_be_in_viewport()
    page.locator("select[name=action]").select_option("resolve_selected")
    go.click()
    expect(page.get_by_text("Resolved 1 event.")).to_be_visible()
    assert seen.value("SELECT resolved FROM system_events WHERE id = %s", event)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_colour_scheme_and_the_button(visit: Any, scheme: str) -> None:
    page = visit(scheme=scheme).page
    page.goto(LIST)
    dark = "getComputedStyle(document.body).backgroundColor"
    background = page.evaluate(dark)
    assert background == {"light": "rgb(244, 246, 248)", "dark": "rgb(16, 22, 29)"}[scheme]
    page.get_by_role("button", name=re.compile("Toggle theme")).click()
    assert page.evaluate(dark) != background
