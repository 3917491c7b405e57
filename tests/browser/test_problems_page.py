"""The problems in a real browser: true without moving, resolved in two clicks or by keyboard."""

import re
from typing import Any

from playwright.sync_api import expect

PROBLEMS = "/admin/events/problems/"


def test_figures_change_where_they_stand(visit: Any) -> None:
    seen = visit()
    device = seen.device("iPhone-A")
    seen.add("Login failed", device_id=device)
    page = seen.page
    page.goto(PROBLEMS)
    expect(page.locator("#stream-state")).to_have_text("Live")
    row = page.get_by_role("row", name=re.compile("login_failed"))
    expect(row.locator(".field-count")).to_have_text(re.compile(r"^1\b"))
    seen.add("Login failed again", device_id=device)
    expect(row.locator(".field-count")).to_have_text(re.compile(r"^2\b"), timeout=15_000)
    expect(row).to_contain_text("Login failed again")
    expect(row.get_by_role("img")).to_have_accessible_name(
        "2 in the last 24 hours, at most 2 in one hour."
    )
    expect(page.locator("#problem-news a")).to_have_count(0)
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_a_new_problem_is_told_of_and_moves_nothing(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto(PROBLEMS)
    row = page.get_by_role("row", name=re.compile("login_failed"))
    before = row.bounding_box()
    seen.add("No answer", severity="critical", event_type="device_disconnected")
    news = page.get_by_role("link", name="The problems have changed")
    news.wait_for(timeout=15_000)
    assert row.bounding_box() == before
    expect(page.locator("tr[data-key]")).to_have_count(1)
    news.click()
    expect(page.locator("tr[data-key]")).to_have_count(2)
    expect(page.locator("tr[data-key]").first).to_contain_text("device_disconnected")


def test_one_resolved_elsewhere_says_so_where_it_stands(visit: Any) -> None:
    seen = visit()
    event = seen.add("Login failed")
    seen.add("Install failed", event_type="install_failed")
    page = seen.page
    page.goto(PROBLEMS)
    expect(page.locator("#stream-state")).to_have_text("Live")
    address = f"/api/events/{event}/resolve"
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    answer = page.request.post(
        address, headers={"X-CSRFToken": token, "Referer": page.url}, data={}
    )
    assert answer.ok, answer.text()
    row = page.locator("tr[data-key]", has_text="login_failed")
    expect(row.locator(".gone-word")).to_have_text("No longer unresolved", timeout=15_000)
    expect(row.get_by_text("Resolve", exact=True)).to_have_count(0)


def test_what_was_resolved_while_the_page_was_made_says_so(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    seen.add("Install failed", event_type="install_failed")
    page = seen.page

    def resolve_meanwhile(route: Any) -> None:
        seen.rows.execute(
            "UPDATE system_events SET resolved = TRUE WHERE event_type = 'login_failed'"
        )
        route.continue_()

    page.route("**/api/logs/stream*", resolve_meanwhile, times=1)
    page.goto(PROBLEMS)
    row = page.locator("tr[data-key]", has_text="login_failed")
    expect(row.locator(".gone-word")).to_have_text("No longer unresolved", timeout=15_000)


def test_a_problem_is_resolved_by_keyboard_alone(visit: Any) -> None:
    seen = visit()
    for _ in range(3):
        seen.add("Login failed")
    seen.add("Install failed", event_type="install_failed", severity="warning")
    page = seen.page
    page.goto(PROBLEMS)
    page.get_by_role("link", name="login_failed").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Reason (optional)").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("summary:focus")).to_have_text("Resolve login_failed")
    page.keyboard.press("Enter")
    page.keyboard.type("Router rebooted")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Resolved 3 events.")).to_be_visible()
    expect(page.locator("tr[data-key]")).to_have_count(1)
    assert seen.value("SELECT reason FROM event_actions") == "Router rebooted"


def test_a_form_in_use_keeps_to_what_it_was_opened_on(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto(PROBLEMS)
    expect(page.locator("#stream-state")).to_have_text("Live")
    page.locator(".resolve summary").click()
    shown = page.locator("#part-as-of").text_content()
    later = seen.add("Login failed later")
    expect(page.locator("#part-as-of")).not_to_have_text(shown, timeout=15_000)
    page.get_by_role("textbox", name="Reason (optional)").fill("Seen")
    page.get_by_role("button", name="Resolve 1 event").click()
    expect(page.get_by_text("Resolved 1 event.")).to_be_visible()
    assert seen.value("SELECT id FROM system_events WHERE resolved IS NOT TRUE") == later


def test_the_first_problem_appears_on_the_empty_page_by_itself(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.goto(PROBLEMS)
    expect(page.get_by_text("make demo")).to_be_visible()
    expect(page.locator("#stream-state")).to_have_text("Live")
    seen.add("Login failed")
    expect(page.get_by_role("link", name="login_failed")).to_be_visible(timeout=15_000)


def test_severities_and_categories_are_turned_on_and_off_by_links(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed", category="auth")
    seen.add("Started", severity="info", event_type="warming_started")
    page = seen.page
    page.goto(PROBLEMS)
    rows = page.locator("tr[data-key]")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="info", exact=True).click()
    expect(rows).to_contain_text(["warming_started"])
    page.get_by_role("link", name="auth", exact=True).click()
    expect(page.get_by_text("No problem matches")).to_be_visible()
    page.get_by_role("link", name="Clear all filters").first.click()
    expect(rows).to_contain_text(["login_failed"])
