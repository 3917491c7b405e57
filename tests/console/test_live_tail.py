"""Who may see the live tail, and which stream it opens; what it does, the browser's tests show."""

import re
from html import unescape
from typing import Any

import pytest
from admin_rows import text_of
from django.contrib.auth.models import Permission, User
from django.test import Client

pytestmark = pytest.mark.django_db

LIVE = "/admin/events/live/"


def stream(client: Client, query: str = "") -> str | None:
    found = re.search(r'data-stream="(.*?)"', text_of(client.get(f"{LIVE}{query}")))
    return unescape(found[1]) if found else None


def test_it_opens_a_stream_with_the_filters_of_its_address(admin_client: Client) -> None:
    address = stream(admin_client, "?severity=error&severity=info&q=a%26b&highlight=x")
    assert address == "/api/logs/stream?severity=error&severity=info&q=a%26b&backlog=200"


@pytest.mark.parametrize("query", ["?severity=eror", "?colour=red", "?backlog=7", "?q=a%22"])
def test_it_opens_none_for_filters_it_cannot_read(admin_client: Client, query: str) -> None:
    assert stream(admin_client, query) is None


def test_only_who_may_view_events_sees_it(client: Client) -> None:
    user = User.objects.create_user("clerk", is_staff=True)
    client.force_login(user)
    assert client.get(LIVE).status_code == 403
    assert LIVE not in text_of(client.get("/admin/"))
    user.user_permissions.add(Permission.objects.get(codename="view_systemevent"))
    assert client.get(LIVE).status_code == 200
    assert LIVE in text_of(client.get("/admin/"))


def test_the_links_of_its_chips_keep_the_offset_of_a_time(
    admin_client: Client, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    query = "?since=2026-01-31T18:30&until=90m&category=auth"
    page = unescape(text_of(admin_client.get(f"{LIVE}{query}")))
    since = "since=2026-01-31T18%3A30%3A00%2B01%3A00"
    assert f'class="chip" href="?{since}&until=90m"' in page
    assert f'class="chip" href="?{since}&category=auth"' in page
    assert (
        stream(admin_client, query)
        == f"/api/logs/stream?{since}&until=90m&category=auth&backlog=200"
    )
