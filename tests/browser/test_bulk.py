"""All that match, resolved in a real browser: selected, previewed, confirmed, followed."""

import re
from typing import Any

from accessibility import violations
from playwright.sync_api import expect

LIST = "/admin/events/systemevent/"

COLOURS_SETTLED = "Promise.all(document.getAnimations().map((it) => it.finished))"
"""Links pass from the colour of one scheme to that of the other."""


def add_many(seen: Any, count: int) -> None:
    seen.rows.execute(
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'auth', 'error', 'login_failed', 'Message ' || number"
        " FROM generate_series(1, %s) AS number",
        [count],
    )


def test_all_that_match_are_resolved_except_what_arrived_meanwhile(visit: Any) -> None:
    seen = visit()
    add_many(seen, 60)
    seen.add("Not of this severity", severity="info")
    page = seen.page
    page.goto(f"{LIST}?severity=error")
    page.get_by_label("Select all objects on this page for an action").check()
    page.get_by_role("button", name="Select all that match (60)").click()
    expect(page.get_by_text("All that match are selected (60)")).to_be_visible()
    seen.add("Arrived before the preview")
    page.locator("select[name=action]").select_option("resolve_selected")
    page.get_by_label("Reason (optional)").fill("Known outage")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", name="Resolve all that match")).to_be_visible()
    expect(page.get_by_label("Reason (optional)")).to_have_value("Known outage")
    seen.add("Arrived after the preview")
    page.get_by_role("button", name="Resolve 60").click()
    expect(page.get_by_role("status")).to_have_text("Done")
    expect(page.locator(".bulk-figure")).to_have_text(re.compile(r"60\s+resolved of 60"))
    left = seen.rows.execute(
        "SELECT message FROM system_events WHERE resolved IS NOT TRUE ORDER BY id"
    ).fetchall()
    assert [message for (message,) in left] == [
        "Not of this severity",
        "Arrived before the preview",
        "Arrived after the preview",
    ]
    recorded = seen.rows.execute("SELECT DISTINCT actor, face, reason FROM event_actions")
    assert recorded.fetchall() == [("operator", "admin", "Known outage")]


def test_a_running_job_shows_its_progress_and_is_stopped(visit: Any) -> None:
    seen = visit()
    add_many(seen, 300)
    held = seen.value("SELECT id FROM system_events ORDER BY id OFFSET 200 LIMIT 1")
    page = seen.page
    with seen.rows.transaction():
        # Whoever holds a row holds up the job there.
        seen.rows.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [held])
        page.goto(LIST)
        page.get_by_role("link", name="Resolve…").click()
        page.get_by_role("button", name="Resolve 300").click()
        expect(page.get_by_role("status")).to_have_text("Running")
        expect(page.locator(".bulk-figure strong")).to_have_text("200")
        bar = page.get_by_role("progressbar", name="Running")
        assert 60 <= float(bar.get_attribute("value")) <= 70
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(COLOURS_SETTLED)
            assert violations(page, scheme) == []
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("status")).to_have_text("Stopped")
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("status")).to_have_text("Done")
    expect(page.locator(".bulk-figure strong")).to_have_text("300")
    assert seen.value("SELECT count(*) FROM system_events WHERE resolved") == 300


def test_it_works_without_javascript(visit: Any, browser: Any, server: Any, operator: Any) -> None:
    seen = visit()
    add_many(seen, 3)
    context = browser.new_context(base_url=server.url, java_script_enabled=False)
    context.add_cookies(
        [
            {"name": name, "value": morsel.value, "url": server.url}
            for name, morsel in operator.cookies.items()
        ]
    )
    page = context.new_page()
    page.goto(LIST)
    page.get_by_role("link", name="Resolve…").click()
    page.get_by_role("button", name="Resolve 3").click()
    while page.get_by_role("status").inner_text() != "Done":
        page.get_by_role("link", name="Refresh").click()
    expect(page.locator(".bulk-figure strong")).to_have_text("3")
    context.close()
