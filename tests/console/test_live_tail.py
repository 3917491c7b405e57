"""Where the live tail begins, and who may see it. What it does then, the browser's tests show."""

import re

import pytest
from admin_rows import add, text_of
from django.contrib.auth.models import Permission, User
from django.test import Client

from events.console import live
from events.models import SystemEvent

pytestmark = pytest.mark.django_db

LIVE = "/admin/events/live/"


def start(client: Client, query: str = "") -> int:
    found = re.search(r'data-start="(\d+)"', text_of(client.get(f"{LIVE}{query}")))
    assert found is not None
    return int(found[1])


def test_it_begins_with_the_latest_rows_that_match(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BACKLOG_ROWS", 2)
    errors = [add(severity="error").pk for _ in range(3)]
    infos = [add().pk for _ in range(3)]
    assert start(admin_client) == infos[1] - 1
    assert start(admin_client, "?severity=error") == errors[1] - 1


def test_it_looks_back_so_far_and_no_further(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BACKLOG_IDS", 10)
    SystemEvent.objects.create(pk=5, severity="error", category="c", event_type="t", message="")
    SystemEvent.objects.create(pk=100, severity="info", category="c", event_type="t", message="")
    assert start(admin_client, "?severity=error") == 90


def test_it_begins_at_nought_where_there_are_no_events(admin_client: Client) -> None:
    assert start(admin_client) == 0


def test_only_who_may_view_events_sees_it(client: Client) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)
    assert client.get(LIVE).status_code == 403
    assert LIVE not in text_of(client.get("/admin/"))
    user.user_permissions.add(Permission.objects.get(codename="view_systemevent"))
    assert client.get(LIVE).status_code == 200
    assert LIVE in text_of(client.get("/admin/"))
