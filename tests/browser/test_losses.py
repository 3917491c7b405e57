"""A browser that loses its server or its session says so in words, and keeps what was typed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

EVENT = "/admin/events/systemevent/{}/change/"
LIVE, PROBLEMS = "/admin/events/live/", "/admin/events/problems/"
BIG = 7123456789012345678


def log_out_elsewhere(seen: Any) -> None:
    seen.rows.execute("DELETE FROM django_session")


def log_in_elsewhere(seen: Any, password: str) -> None:
    """In another tab of the same browser."""
    other = seen.page.context.new_page()
    other.goto("/admin/login/")
    other.get_by_label("Username").fill("operator")
    other.get_by_label("Password").fill(password)
    other.get_by_role("button", name="Log in").click()
    expect(other.get_by_role("button", name="Log out")).to_be_visible()
    other.close()


def test_a_reason_is_kept_while_the_server_is_down_and_sent_when_it_is_back(visit: Any) -> None:
    seen = visit(tolerate="ERR_INTERNET_DISCONNECTED")
    event_id = seen.add()
    page = seen.page
    page.goto(EVENT.format(event_id))
    page.get_by_label("Reason (optional)").fill("cable, replaced")
    page.context.set_offline(True)
    page.get_by_role("button", name="Resolve").click()
    said = page.locator(".state-card [role=alert]")
    expect(said).to_contain_text("The server does not answer.")
    expect(said).to_contain_text("what you typed is still here")
    expect(page.get_by_label("Reason (optional)")).to_have_value("cable, replaced")
    page.context.set_offline(False)
    page.get_by_role("button", name="Resolve").click()
    expect(page.get_by_text("Resolved.", exact=True)).to_be_visible()
    assert seen.value("SELECT reason FROM event_actions") == "cable, replaced"


def test_a_reason_typed_in_an_ended_session_is_sent_after_another_login(
    visit: Any, password: str
) -> None:
    seen = visit(tolerate="401")
    seen.add()
    page = seen.page
    page.goto(PROBLEMS)
    page.locator(".resolve > summary").click()
    page.get_by_label("Reason (optional)").fill("cable, replaced")
    log_out_elsewhere(seen)
    page.get_by_role("button", name="Resolve 1 event").click()
    link = page.locator(".resolve").get_by_role("link", name="log in again")
    expect(link).to_have_attribute("target", "_blank")
    log_in_elsewhere(seen, password)
    expect(page.get_by_label("Reason (optional)")).to_have_value("cable, replaced")
    page.get_by_role("button", name="Resolve 1 event").click()
    expect(page.get_by_text("Resolved 1 event.")).to_be_visible()
    assert seen.value("SELECT reason FROM event_actions") == "cable, replaced"


@pytest.mark.parametrize("path", [EVENT, PROBLEMS, "/admin/events/systemevent/"])
def test_a_reason_sent_in_vain_stands_in_its_form_again(visit: Any, path: str) -> None:
    seen = visit()
    event_id = seen.add()
    page = seen.page
    page.goto(path.format(event_id))
    if page.locator(".resolve > summary").count():
        page.locator(".resolve > summary").click()
    if page.locator(".action-select").count():
        page.locator(".action-select").check()
        page.locator("select[name=action]").select_option("resolve_selected")
    page.get_by_label("Reason (optional)").fill("cable, replaced")
    with seen.rows.transaction():
        seen.rows.execute("SELECT FROM system_events FOR UPDATE")
        page.get_by_label("Reason (optional)").press("Enter")
        expect(page.get_by_text(re.compile("took longer than .* try again"))).to_be_visible()
    expect(page.get_by_label("Reason (optional)")).to_have_value("cable, replaced")


@pytest.mark.parametrize("path", [LIVE + "?severity=error", "/admin/events/systemevent/"])
def test_a_page_whose_session_ended_says_so_and_a_login_comes_back(
    visit: Any, password: str, path: str
) -> None:
    seen = visit(tolerate="401")
    seen.add()
    page = seen.page
    page.goto(path)
    log_out_elsewhere(seen)
    seen.hide(True)
    seen.hide(False)
    said = page.get_by_role("alert").filter(has_text="Your session ended:")
    expect(said).to_be_visible()
    said.get_by_role("link", name="log in again").click()
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#tail, #result_list")).to_be_visible()
    assert page.url.endswith(path)


@pytest.mark.parametrize("path", ["/admin/events/systemevent/", PROBLEMS])
def test_a_page_says_that_its_server_is_gone_until_it_is_back(visit: Any, path: str) -> None:
    seen = visit(tolerate="ERR_INTERNET_DISCONNECTED")
    seen.add()
    page = seen.page
    page.goto(path)
    page.context.set_offline(True)
    seen.hide(True)
    seen.hide(False)  # another stream is opened
    said = page.get_by_role("alert").filter(has_text="The server does not answer.")
    expect(said).to_be_visible()
    page.context.set_offline(False)
    expect(said).to_have_count(0)


def test_a_tab_that_is_born_hidden_opens_no_stream_until_it_is_seen(visit: Any) -> None:
    seen = visit()
    seen.add("Before")
    page = seen.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(
        "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"
    )
    page.goto(LIVE)
    expect(page.locator("#stream-state")).to_have_text("Paused")
    assert not [url for url in asked if "/api/logs/stream" in url]
    seen.hide(False)
    expect(page.locator("#stream-state")).to_have_text("Live")
    expect(page.locator("#tail details")).to_have_count(1)
    with page.expect_event("requestfailed") as closed:
        seen.hide(True)
    assert "/api/logs/stream" in closed.value.url


def test_numbers_are_shown_and_copied_as_stored(visit: Any) -> None:
    seen = visit()
    context = json.dumps(
        {"video_id": BIG, "text": f'{BIG} \\ "{BIG}"', "list": [BIG, -BIG, 1.5, []]}
    )
    seen.rows.execute("ALTER SEQUENCE system_events_id_seq RESTART WITH 9007199254740993")
    event_id = seen.add("\x1b[31mfailed\x1b[0m\u202e", context=context, event_type="\u200b")
    page = seen.page
    page.goto(LIVE)
    row = page.locator("#tail details")
    expect(row.locator(".tail-message")).to_have_text("failed")
    expect(row.locator(".tail-type")).to_have_text("–")
    row.locator("summary").click()
    shown = row.locator("pre").text_content()
    stored = {"id": event_id, "context": json.loads(context)}
    assert stored.items() <= json.loads(shown or "").items()
    expect(row.get_by_role("link")).to_have_attribute("href", EVENT.format(event_id))
    seen.rows.execute("UPDATE system_events SET resolved = true")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/admin/events/systemevent/")
    page.locator("#result_list tbody tr").hover()
    page.get_by_role("button", name="Copy as JSON").click()
    expect(page.locator("#list-said")).to_have_text("Copied as JSON")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert stored.items() <= copied.items()


def test_the_scripts_draw_every_text_as_the_server_does(visit: Any) -> None:
    path = Path(__file__).parents[1] / "library" / "readable_texts.json"
    texts = json.loads(path.read_text())
    page = visit(log_in=False).page
    page.goto("/admin/login/")
    shown = page.evaluate(
        "async (texts) => { const { readable } = await import('/static/events/text.js');"
        " return texts.map(readable); }",
        [text for text, _, _ in texts],
    )
    assert shown == [wanted for _, wanted, _ in texts]


def test_a_time_ahead_of_now_is_said_to_be(visit: Any) -> None:
    seen = visit()
    times = {"7 minutes 30 seconds": "in 7 min", "2 hours 5 minutes": "in 2 h", "20 seconds": "now"}
    for ahead in times:
        seen.rows.execute(
            "INSERT INTO system_events (category, severity, event_type, message, timestamp)"
            f" VALUES ('a', 'info', 'b', 'c', now() + interval '{ahead}')"
        )
    seen.page.goto("/admin/events/systemevent/")
    expect(seen.page.locator("#result_list .ago")).to_have_text(list(times.values())[::-1])


@pytest.mark.parametrize("width", [1440, 390])
def test_resolve_stands_on_the_first_screen_whatever_the_message_is(visit: Any, width: int) -> None:
    seen = visit(width=width)
    for message in ("<div>source</div>\n" * 100, "x" * 8192, "a\u0300\u0301\u0302" * 2000):
        seen.page.goto(EVENT.format(seen.add(message)))
        box = seen.page.get_by_role("button", name="Resolve").bounding_box()
        assert box and box["y"] + box["height"] < 800, box
        assert seen.has_no_sideways_scroll()
