"""The live tail in a real browser: nothing missed, nothing moved from under the reader."""

import json
import re
from typing import Any

from playwright.sync_api import expect

LIVE = "/admin/events/live/"
BURST = """
INSERT INTO system_events (category, severity, event_type, message)
SELECT 'scheduler', 'info', 'warming_started', 'Burst ' || number
FROM generate_series(1, %s) AS number
"""
# Not how far it is scrolled: rows out of sight have heights that are only supposed.
ROW_IN_THE_MIDDLE = """() => {
  const box = tail.getBoundingClientRect();
  const row = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
    .closest("details");
  return [row.dataset.id, row.getBoundingClientRect().y];
}"""


def open_tail(seen: Any, query: str = "") -> Any:
    """Open the tail and wait until it is live; return its rows."""
    seen.page.goto(f"{LIVE}{query}")
    expect(seen.page.locator("#stream-state")).to_have_text("Live")
    return seen.page.locator("#tail details")


def test_rows_appear_as_they_commit_after_the_latest_ones(visit: Any) -> None:
    seen = visit()
    seen.add("Before")
    rows = open_tail(seen)
    expect(rows).to_have_count(1)
    seen.add("After", severity="critical")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Before")
    expect(rows.nth(1)).to_contain_text("critical")
    expect(rows.nth(1)).to_contain_text("After")


def test_pausing_keeps_what_comes_until_it_is_wanted(visit: Any) -> None:
    seen = visit()
    rows = open_tail(seen)
    page = seen.page
    page.keyboard.press("Space")
    expect(page.locator("#stream-state")).to_have_text("Paused")
    seen.add("Meanwhile")
    new = page.get_by_role("button", name="1 new")
    expect(new).to_be_visible()
    expect(rows).to_have_count(0)
    new.click()
    expect(rows).to_have_count(1)
    expect(page.locator("#stream-state")).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_have_attribute("aria-pressed", "true")


def test_scrolling_up_stops_following_and_loses_nothing(visit: Any) -> None:
    seen = visit()
    seen.rows.execute(BURST, [100])
    rows = open_tail(seen)
    expect(rows).to_have_count(100)
    page = seen.page
    page.locator("#tail").hover()
    page.evaluate("tail.addEventListener('scrollend', () => { window.still = true })")
    page.mouse.wheel(0, -600)
    page.wait_for_function("() => window.still")
    assert page.evaluate("tail.scrollHeight - tail.scrollTop - tail.clientHeight") > 300
    read = page.evaluate(ROW_IN_THE_MIDDLE)
    seen.add("Meanwhile")
    page.get_by_role("button", name="1 new").wait_for()
    assert page.evaluate(ROW_IN_THE_MIDDLE) == read
    page.get_by_role("button", name="1 new").click()
    expect(rows.last).to_contain_text("Meanwhile")
    expect(rows.last).to_be_in_viewport()


def test_a_burst_is_shown_in_full_order_within_its_bound(visit: Any) -> None:
    seen = visit()
    seen.add("Before")
    rows = open_tail(seen)
    expect(rows).to_have_count(1)  # begun: what follows is no backlog, which would be shorter
    page = seen.page
    page.keyboard.press("Space")
    seen.rows.execute(BURST, [6000])
    # Full: the connection is given back, and the rest waits in the database.
    page.get_by_role("button", name=re.compile(r"^↓ 2,\d\d\d\+ new$")).click()
    expect(rows.last).to_contain_text("Burst 6000", timeout=30_000)
    numbers = page.evaluate(
        "[...tail.querySelectorAll('.tail-message')].map((row) => +row.textContent.slice(6))"
    )
    assert numbers == list(range(5001, 6001))


def test_rows_far_above_are_left_out_while_others_rush_by_and_are_back_for_who_reads(
    visit: Any,
) -> None:
    seen = visit()
    seen.add("Before")
    rows = open_tail(seen)
    expect(rows).to_have_count(1)
    page = seen.page
    hidden = page.locator("#tail details[hidden]")
    # Kept back while it rushes: as if it went on for as long as the test looks.
    page.evaluate("""() => {
      const after = window.setTimeout;
      window.setTimeout = (act, ms) => (ms === 1000 ? (window.calm = act, 0) : after(act, ms));
    }""")
    seen.rows.execute(BURST, [400])
    expect(rows.last).to_contain_text("Burst 400")
    assert hidden.count() > 200
    page.locator("#tail").hover()
    page.mouse.wheel(0, -200)
    expect(hidden).to_have_count(0)
    assert page.evaluate("tail.scrollHeight - tail.scrollTop - tail.clientHeight") < 1000
    seen.rows.execute(BURST, [300])
    page.get_by_role("button", name="300 new").click()
    expect(rows).to_have_count(1 + 400 + 300)  # some at a time: each hides those above anew
    assert hidden.count() > 200
    page.evaluate("() => calm()")
    expect(hidden).to_have_count(0)
    expect(rows.last).to_be_in_viewport()


def test_filters_live_in_the_address_and_reproduce_the_view(visit: Any) -> None:
    seen = visit()
    seen.add("Login of A failed", severity="error")
    seen.add("Warmed", severity="info")
    rows = open_tail(seen)
    expect(rows).to_have_count(2)
    page = seen.page
    severities = page.get_by_role("list", name="Severity")
    severities.get_by_role("link", name="error").click()
    expect(rows).to_have_count(1)
    page.get_by_label("Search").fill("login")
    page.get_by_label("Highlight").fill("failed")
    page.get_by_role("button", name="Apply").click()
    expect(rows).to_have_count(1)
    expect(rows.locator(".tail-message mark")).to_have_text("failed")
    other = visit()
    other.page.goto(page.url)
    expect(other.page.locator("#tail details")).to_have_count(1)
    expect(other.page.locator(".tail-message mark")).to_have_text("failed")
    other.add("Warmed again", severity="info")
    other.add("Login of B failed", severity="error")
    expect(other.page.locator("#tail details").last).to_contain_text("Login of B failed")
    expect(other.page.locator("#tail details")).to_have_count(2)


def test_a_click_opens_the_json_and_the_event(visit: Any) -> None:
    seen = visit()
    event = seen.add("Login failed", context=json.dumps({"step": "login"}))
    rows = open_tail(seen)
    rows.locator("summary").click()
    expect(rows.locator("pre")).to_contain_text('"step": "login"')
    rows.get_by_role("link", name=f"Open the event #{event}").click()
    expect(seen.page.get_by_role("heading", name="Login failed")).to_be_visible()


def test_resolutions_made_elsewhere_show_at_once(visit: Any) -> None:
    seen = visit()
    event = seen.add("Login failed")
    rows = open_tail(seen)
    expect(rows).to_have_count(1)
    other = visit()
    other.page.goto(f"/admin/events/systemevent/{event}/change/")
    other.page.get_by_role("button", name="Resolve").click()
    expect(rows.locator(".state")).to_have_text("Resolved")
    other.page.get_by_role("button", name="Reopen").click()
    expect(rows.locator(".state")).to_have_text("")


def test_an_unreadable_filter_is_said_so(visit: Any) -> None:
    page = visit().page
    page.goto(f"{LIVE}?resolved=perhaps&colour=red")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("'perhaps' is neither true nor false")
    expect(alert).to_contain_text("colour: Unknown parameter")


def test_a_hidden_tab_gives_its_connection_back_and_misses_nothing(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.clock.install()
    rows = open_tail(seen)
    seen.add("First")
    expect(rows).to_have_count(1)
    seen.hide(True)
    page.clock.run_for("00:11")
    expect(page.locator("#stream-state")).to_have_text("Paused")
    seen.add("Meanwhile")
    seen.hide(False)
    expect(page.locator("#stream-state")).to_have_text("Live")
    page.clock.resume()
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("Meanwhile")


def test_a_tab_hidden_before_anything_came_misses_nothing_either(visit: Any) -> None:
    seen = visit()
    page = seen.page
    page.clock.install()
    rows = open_tail(seen)
    seen.hide(True)
    page.clock.run_for("00:11")
    expect(page.locator("#stream-state")).to_have_text("Paused")
    seen.rows.execute(BURST, [300])  # more than the backlog
    seen.hide(False)
    expect(page.locator("#stream-state")).to_have_text("Live")
    page.clock.resume()
    expect(rows).to_have_count(300)
