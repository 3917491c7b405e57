"""The dashboard in a real browser: it keeps itself true, and every figure leads to its events."""

import re
from typing import Any

from playwright.sync_api import expect


def test_it_shows_an_event_soon_after_its_commit(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.goto("/admin/")
    expect(page.locator("#stream-state")).to_have_text("Live")
    card = page.get_by_role("link", name=re.compile("^critical"))
    expect(card).to_contain_text("0")
    seen.add("iPhone-A does not answer", severity="critical", event_type="device_disconnected")
    expect(card).to_contain_text("1 more than an hour ago", timeout=15_000)
    expect(page.get_by_role("link", name="iPhone-A does not answer")).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_it_shows_what_arrived_while_the_page_was_made(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.route(
        "**/api/logs/stream*",
        lambda route: (seen.add("In between", severity="critical"), route.continue_()),
        times=1,
    )
    page.goto("/admin/")
    expect(page.get_by_role("link", name="In between")).to_be_visible(timeout=15_000)


def test_figures_lead_to_the_events_they_count(visit: Any) -> None:
    seen = visit()
    device = seen.device("iPhone-A")
    seen.add("First", device_id=device)
    seen.add("Second", device_id=device, severity="critical")
    seen.add("Elsewhere", event_type="install_failed")
    page = seen.page
    rows = page.locator("#result_list tbody tr")
    for name, count in (("iPhone-A", 2), ("login_failed", 2), (re.compile("^error"), 2)):
        page.goto("/admin/")
        page.get_by_role("link", name=name).first.click()
        expect(rows).to_have_count(count)


def test_the_chart_is_drawn_from_the_table_behind_it(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto("/admin/?span=15m")
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(page.get_by_role("button", name="error 1")).to_have_attribute("aria-pressed", "true")
    page.get_by_text("Show as a table").click()
    table = page.get_by_role("table", name="Events by interval and severity")
    expect(table.locator("tbody tr")).to_have_count(60)
    table.locator("tr", has=page.locator('[data-count="1"]')).get_by_role("link").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_dragging_over_the_chart_opens_that_range(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto("/admin/?span=24h")
    box = page.locator("#chart .u-over").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 100, middle)
    page.mouse.down()
    # Past the edge: the last minutes before it may be those of the event.
    page.mouse.move(box["x"] + box["width"] + 5, middle, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"systemevent/\?since=.+&until=.+"))
    expect(page.locator("#result_list tbody tr")).to_have_count(1)


def test_severities_are_hidden_and_shown_from_the_legend(visit: Any) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto("/admin/")
    button = page.get_by_role("button", name=re.compile("^info"))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()


def test_a_stream_refused_with_an_error_is_opened_again(visit: Any) -> None:
    seen = visit(tolerate="503")
    page = seen.page
    page.route("**/api/logs/stream*", lambda route: route.fulfill(status=503), times=1)
    page.goto("/admin/")
    expect(page.locator("#stream-state")).to_have_text("Disconnected")
    expect(page.locator("#stream-state")).to_have_text("Live", timeout=15_000)


def test_an_empty_database_is_met_with_what_to_do_next(visit: Any) -> None:
    page = visit().page
    page.goto("/admin/")
    expect(page.get_by_text("No events yet")).to_be_visible()
    expect(page.get_by_text("make demo")).to_be_visible()
