"""The timeline in a real browser: a picture whose marks lead to their events, and its words."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import expect

TIMELINE = "/admin/events/timeline/"
PATIENCE_MS = 15_000
"""The page rests some seconds between two fetches of itself."""


def fill(seen: Any) -> Any:
    """A day of a device: a failure and its recovery, then silence; return the device's id."""
    device = seen.device("iPhone-A")
    now = datetime.now(UTC)
    for hours, event_type, severity in (
        (20, "install_failed", "error"),
        (19, "app_installed", "info"),
        (3, "device_disconnected", "critical"),
    ):
        seen.add(
            f"About {event_type}",
            event_type=event_type,
            severity=severity,
            category="device",
            device_id=device,
            timestamp=now - timedelta(hours=hours),
        )
    return device


def test_a_mark_leads_to_its_event(visit: Any) -> None:
    for width in (1440, 390):
        seen = visit(width=width)
        device = fill(seen)
        seen.page.goto(f"{TIMELINE}?device={device}")
        mark = seen.page.locator(".mark-critical")
        expect(mark).to_be_visible()
        mark.click()
        expect(seen.page.locator("h1")).to_have_text("About device_disconnected")


def test_failures_recoveries_and_silence_are_said_in_words(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.goto(f"{TIMELINE}?device={fill(seen)}")
    failures = page.get_by_role("region", name="Failures and their recoveries")
    expect(failures.get_by_role("listitem")).to_contain_text(
        [re.compile("app_installed.*after 1 h")]
    )
    silence = page.get_by_role("region", name="Silence")
    expect(silence.get_by_role("listitem").nth(1)).to_contain_text("16 h")
    expect(page.locator(".outage").first).to_be_visible()


def test_what_happens_now_is_drawn_at_once_and_nothing_closes_meanwhile(visit: Any) -> None:
    seen = visit()
    device = fill(seen)
    page = seen.page
    with page.expect_response(re.compile("/api/logs/stream")):
        page.goto(f"{TIMELINE}?device={device}")
    expect(page.locator("#stream-state")).to_have_text("Live")
    page.get_by_text("All of these events as a table").click()
    earlier = page.get_by_role("link", name="Earlier")
    earlier.focus()
    seen.add("Of another device", event_type="login_failed")
    seen.add("It came back", event_type="app_installed", severity="info", device_id=device)
    expect(page.get_by_role("heading", name="4 events")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("link", name="It came back")).to_be_visible()
    expect(earlier).to_be_focused()


def test_a_hidden_tab_gives_its_connection_back_and_comes_back_true(visit: Any) -> None:
    seen = visit()
    device = fill(seen)
    page = seen.page
    page.clock.install()
    page.goto(f"{TIMELINE}?device={device}")
    state = page.locator("#stream-state")
    expect(state).to_have_text("Live")
    seen.hide(True)
    page.clock.run_for("00:11")
    expect(state).to_have_text("Paused")
    seen.add("It came back", event_type="app_installed", severity="info", device_id=device)
    seen.hide(False)
    expect(state).to_have_text("Live")
    page.clock.resume()
    expect(page.get_by_role("heading", name="4 events")).to_be_visible(timeout=PATIENCE_MS)


def test_a_period_that_is_over_holds_no_stream(visit: Any) -> None:
    seen = visit()
    device = fill(seen)
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.append(request.url))
    seen.page.goto(f"{TIMELINE}?device={device}&until=2026-01-01T00:00:00Z")
    expect(seen.page.get_by_text("Nothing was heard of it")).to_be_visible()
    assert not [url for url in asked if "/api/logs/stream" in url]


def test_everything_is_reached_by_keyboard_through_words_and_table(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.goto(f"{TIMELINE}?device={fill(seen)}")
    page.get_by_role("link", name="30 d").focus()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        if reached[-1].startswith("All of these events"):
            break
    assert "install_failed" in reached and "app_installed" in reached
    assert not page.evaluate("Boolean(document.activeElement.closest('[aria-hidden=true]'))")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("a:focus")).to_have_text("About device_disconnected")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("About device_disconnected")


def test_a_name_typed_finds_the_timeline_and_ranges_change_it(visit: Any) -> None:
    seen = visit()
    fill(seen)
    page = seen.page
    page.goto(TIMELINE)
    page.get_by_role("searchbox", name="Device").fill("iphone-a")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("iPhone-A")
    expect(page.get_by_role("heading", name="3 events")).to_be_visible()
    page.get_by_role("link", name="1 h", exact=True).click()
    expect(page.get_by_text("Nothing was heard of it")).to_be_visible()
    page.get_by_role("link", name="Earlier").click()
    expect(page.get_by_role("link", name="Later")).to_be_visible()
    page.get_by_role("link", name="24 h").click()
    expect(page.get_by_role("heading", name="3 events")).to_be_visible()
    expect(page.get_by_role("link", name="24 h")).to_have_attribute("aria-current", "true")
