"""Ids that JavaScript's numbers can't tell from their neighbours."""

from typing import Any

from playwright.sync_api import expect

LARGE = 2**53 + 100


def test_rows_of_large_ids_are_linked_and_followed_as_what_they_are(visit: Any) -> None:
    seen = visit()
    seen.rows.execute("SELECT setval('system_events_id_seq', %s)", [LARGE])
    try:
        seen.page.goto("/admin/events/live/")
        ids = [seen.add("One"), seen.add("Another")]
        for event_id, message in zip(ids, ("One", "Another"), strict=True):
            seen.page.locator("#tail summary", has_text=message).click()
            link = seen.page.locator(f'#tail a[href$="/{event_id}/change/"]')
            expect(link).to_contain_text(f"#{event_id}")
        seen.page.goto("/admin/events/systemevent/")
        row = seen.page.locator("#result_list tbody tr")
        expect(row).to_have_count(2)
        seen.page.evaluate(
            """(id) => fetch(`/api/events/${id}/resolve`, {
                method: "POST", body: "{}", headers: { "Content-Type": "application/json",
                "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value } })""",
            str(ids[1]),
        )
        expect(row.first.locator(".state")).to_have_text("Resolved")
        expect(row.last.locator(".state")).to_have_text("Unresolved")
    finally:
        seen.rows.execute("ALTER SEQUENCE system_events_id_seq RESTART")
