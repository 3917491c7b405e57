"""Saved views in a real browser: saved by keyboard, shared, and opened with."""

import re
from typing import Any
from urllib.parse import urljoin

import pytest
from accessibility import violations
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import expect

LIST = "/admin/events/systemevent/"
HOSTILE = "<img src=x onerror='window.hit = 1'>"


@pytest.fixture
def viewer_session(transactional_db: None) -> str:
    """The session of one who may view events, made before the browser's loop runs."""
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="Event viewers"))
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def add_views(seen: Any) -> None:
    """An event, and views of the operator and another; one is the operator's default."""
    seen.add("Login failed")
    seen.rows.execute(
        "WITH other AS (INSERT INTO auth_user (username, password, is_superuser, is_staff,"
        " is_active, first_name, last_name, email, date_joined) VALUES ('colleague', '', false,"
        " true, true, '', '', '', now()) ON CONFLICT DO NOTHING RETURNING id)"
        " INSERT INTO event_saved_views (owner_id, name, query, is_shared)"
        " SELECT id, 'Devices that went away', 'category=device', true FROM other"
    )
    seen.rows.execute(
        "WITH added AS (INSERT INTO event_saved_views (owner_id, name, query, is_shared)"
        " SELECT id, name, query, shared FROM auth_user, (VALUES"
        " ('Morning', 'severity=error', true), (%s, 'q=x', false)) AS given (name, query, shared)"
        " WHERE username = 'operator' ON CONFLICT DO NOTHING RETURNING id, owner_id, query)"
        " INSERT INTO event_default_views (user_id, view_id)"
        " SELECT owner_id, id FROM added WHERE query = 'severity=error'",
        ["W" * 80],
    )


def test_a_filter_is_saved_by_keyboard_and_opens_the_list_at_login(
    visit: Any, password: str
) -> None:
    seen = visit()
    seen.add("Login failed")
    seen.add("Warming started", severity="info")
    page = seen.page
    page.goto(f"{LIST}?severity=error&since=24h")
    page.get_by_text("Save view").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type("Morning")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved as “Morning”.")).to_be_visible()
    page.get_by_role("button", name="My default").press("Enter")
    expect(page.get_by_text("The list opens with “Morning”.")).to_be_visible()
    expect(page.get_by_role("button", name="My default", pressed=True)).to_be_visible()

    page = visit(log_in=False).page
    page.goto(LIST)
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    assert page.url.endswith("?severity=error&since=24h")
    page.get_by_role("link", name="Clear all", exact=True).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    # A form of which nothing is filled in is no way back to the default either.
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url(re.compile("since="))
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


def test_a_shared_view_is_opened_by_others_who_cannot_change_it(
    viewer_session: str, visit: Any
) -> None:
    seen = visit()
    seen.add("Login failed")
    page = seen.page
    page.goto(f"{LIST}?q=failed")
    page.get_by_text("Save view").click()
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("Share with all who may view events").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Change view")).to_be_visible()

    other = visit(log_in=False).page
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": viewer_session,
        "url": urljoin(page.url, "/"),
    }
    other.context.add_cookies([cookie])
    other.goto(LIST)
    other.get_by_text("View:").click()
    other.get_by_role("navigation", name="Saved views").get_by_role("link", name="<img").click()
    expect(other.locator("#result_list tbody tr")).to_have_count(1)
    assert other.url.endswith("?q=failed")
    expect(other.get_by_role("button", name="My default")).to_be_visible()
    expect(other.get_by_text("Change view")).to_have_count(0)
    assert page.evaluate("window.hit") is None
    assert other.evaluate("window.hit") is None

    page.get_by_text("Change view").click()
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_text("Save view")).to_be_visible()
    other.reload()
    expect(other.get_by_text("not saved")).to_be_visible()


def test_axe_finds_nothing_in_the_views_at_any_width(visit: Any) -> None:
    for width, scheme in ((390, "dark"), (390, "light"), (1440, "dark"), (1440, "light")):
        seen = visit(width=width, scheme=scheme)
        add_views(seen)
        page = seen.page
        for query, summary in (
            ("?all=1", "View:"),
            ("?severity=error", "View:"),
            ("?severity=error", "Change view"),
            ("?q=x", "Change view"),
            ("?severity=info", "Save view"),
        ):
            page.goto(LIST + query)
            page.locator(".views-bar summary", has_text=summary).click()
            expect(page.locator(".views-bar details[open] .views-panel")).to_be_in_viewport(ratio=1)
            assert violations(page, scheme) == [], (width, scheme, query, summary)
            assert seen.has_no_sideways_scroll(), (width, query, summary)
