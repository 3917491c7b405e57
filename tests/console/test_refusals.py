"""What a browser is answered instead of a page: words in the house's dress, a line in the log."""

import io
import logging
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import psycopg
import pytest
from admin_rows import LIST, add, staff_in, text_of
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from sovi_events import database

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the site's own handler writes."""
    [handler] = [it for it in logging.getLogger().handlers if it.name == "console"]
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def refused(response: Any, status: int, title: str) -> str:
    page = unescape(response.content.decode())
    assert response.status_code == status, page
    assert f"<h1>{title}</h1>" in page
    assert "SOVI Events" in page
    assert 'href="/static/events/theme.css"' in page
    return page


@pytest.mark.parametrize(
    "address", ["/nothing", "/admin/nothing/", "/admin/r/1/1/", "/admin/r/x/y/"]
)
def test_nothing_there_is_404_with_the_pages_there_are(admin_client: Client, address: str) -> None:
    page = refused(admin_client.get(address), 404, "There is nothing here")
    assert 'id="main-pages"' in page


def test_nothing_there_is_404_for_who_is_not_logged_in() -> None:
    assert 'id="main-pages"' not in refused(Client().get("/nothing"), 404, "There is nothing here")


def test_a_page_denied_is_403_and_one_line_of_the_log(log: io.StringIO) -> None:
    client = staff_in("Event viewers")
    page = refused(client.get("/admin/auth/user/"), 403, "You may not see this")
    assert 'id="main-pages"' in page
    assert log.getvalue().count("\n") == 1, log.getvalue()
    assert "Forbidden (Permission denied): /admin/auth/user/" in log.getvalue()


@pytest.mark.parametrize(
    "query",
    [
        "username__regex=(",
        "username__iregex=[",
        "username=%00",
        "username__contains=%00",
        "last_login__year=99999999999999999999",
        "date_joined__gt=x",
        "id__exact=99999999999999999999999",
        "id__in=1,x",
        "groups__id__exact=x",
        "password__startswith=a",
        "username__nothing=1",
        "is_staff__exact=maybe",
        "p=x",
        "o=x",
        "o=99999999999999999999",
        "q=%00",
        "_facets=x",
    ],
)
def test_a_list_of_djangos_own_never_fails_at_its_address(
    admin_client: Client, log: io.StringIO, query: str
) -> None:
    response = admin_client.get(f"/admin/auth/user/?{query}", follow=True)
    assert response.status_code in (200, 400), response
    if response.status_code == 400:
        refused(response, 400, "This address can't be read")
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize(
    "address",
    [
        "/admin/auth/user/99999999999999999999999/change/",
        "/admin/auth/user/%00/change/",
        "/admin/auth/group/?permissions__codename__regex=*",
        "/admin/auth/group/?q=%00",
        "/admin/login/?next=%00",
        "/admin/autocomplete/?app_label=auth&model_name=user&field_name=groups&term=%00",
        "/admin/events/apitoken/?q=(",
        "/admin/events/apitoken/%00/change/",
        "/admin/events/device/?o=9&p=-1",
        "/admin/events/eventaction/99999999999999999999999/change/",
        "/admin/events/problems/99999999999999999999999/resolve/",
    ],
)
def test_no_address_of_the_admin_fails(
    admin_client: Client, log: io.StringIO, address: str
) -> None:
    assert admin_client.get(address, follow=True).status_code < 500
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("method", ["head", "post"])
def test_nor_does_a_list_of_djangos_own_by_another_method(
    admin_client: Client, log: io.StringIO, method: str
) -> None:
    response = getattr(admin_client, method)("/admin/auth/user/?username__regex=(")
    assert response.status_code == 400
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/api/events", "/nothing"])
def test_a_session_that_no_text_can_name_is_none(
    log: io.StringIO, method: str, address: str
) -> None:
    client = Client(headers={"cookie": r'sessionid="abcdefgh\000"'})
    assert getattr(client, method)(address).status_code < 500
    assert "Traceback" not in log.getvalue()


def test_a_foreign_host_is_400_and_one_line(log: io.StringIO) -> None:
    response = Client().get("/admin/", headers={"host": "evil.example"})
    refused(response, 400, "This address can't be read")
    assert "Traceback" not in log.getvalue()


def test_a_form_of_an_earlier_login_is_403_and_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("operator"))
    event = add()
    page = refused(client.post(f"{LIST}{event.pk}/resolve/"), 403, "This form is too old")
    assert "Nothing was changed" in page


def test_a_button_s_address_followed_as_a_link_says_that_it_is_one(admin_client: Client) -> None:
    response = admin_client.get(f"{LIST}{add().pk}/resolve/")
    refused(response, 405, "This is done by a button")
    assert response["Allow"] == "POST"


def test_a_failure_of_ours_is_500_and_no_address_is_blamed(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::text::int")

    monkeypatch.setattr("events.admin.device.DeviceAdmin.get_queryset", fail)
    admin_client.raise_request_exception = False
    refused(admin_client.get("/admin/events/device/"), 500, "The server failed at this")


def test_a_login_after_a_refused_next_leads_to_the_overview() -> None:
    User.objects.create_superuser("operator", password="right")  # noqa: S106
    sent = {"username": "operator", "password": "right"}
    for target in ("//evil.example/", "https://evil.example/", "javascript:alert(1)", ""):
        response = Client().post("/admin/login/", {**sent, "next": target})
        assert response["Location"] == "/admin/", target
    assert Client().post("/admin/login/", sent)["Location"] == "/admin/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "address", ["", f"{LIST}?severity=error", f"{LIST}1/change/", "/admin/events/bulkjob/preview/"]
)
def test_a_locked_table_is_said_to_take_too_long_and_no_filter_blamed(
    admin_client: Client, settings: Any, address: str
) -> None:
    settings.SOVI_QUERY_TIMEOUT_SECONDS = 0.2
    address = address or f"{LIST}?q=login"
    if "preview" in address:
        address += "?action=resolve&severity=error"
    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        response = admin_client.get(address)
    page = unescape(response.content.decode())
    assert "The database took too long" in page
    assert not re.search("can't be read|Correct it|no filter", page)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "address",
    [
        f"{LIST}?q=device:phone",
        f"{LIST}?device=phone",
        "/admin/events/live/?q=device:phone",
        "/admin/events/timeline/?device=phone",
        "/admin/events/device/?q=phone",
        "/admin/events/bulkjob/preview/?action=resolve&q=device:phone",
        "/api/events?q=device:phone",
    ],
)
def test_a_name_is_looked_up_no_longer_than_the_limit(
    admin_client: Client, settings: Any, address: str
) -> None:
    settings.SOVI_QUERY_TIMEOUT_SECONDS = 0.2
    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        page = unescape(admin_client.get(address).content.decode())
    assert re.search("The database took too long|The query took longer than 0.2 s", page)


@pytest.mark.django_db(transaction=True)
def test_a_resolve_that_has_to_wait_changes_nothing_and_says_so(
    admin_client: Client, settings: Any
) -> None:
    settings.SOVI_QUERY_TIMEOUT_SECONDS = 0.2
    event = add(severity="error")
    sent = {"reason": "cable & plug", "newest_id": str(event.pk)}
    with psycopg.connect(database.connection_string()) as other:
        other.execute("SELECT FROM system_events FOR UPDATE")
        page = admin_client.post(f"{LIST}{event.pk}/resolve/", sent, follow=True)
        problems = f"/admin/events/problems/{event.pk}/resolve/"
        answer = admin_client.post(problems, sent, follow=True)
    assert "Nothing was changed: try again." in text_of(page)
    assert "What was resolved until then stays so: try again" in text_of(answer)
    event.refresh_from_db()
    assert not event.resolved


def test_a_page_of_ours_is_none_of_these(admin_client: Client) -> None:
    assert "refusal" not in text_of(admin_client.get("/admin/"))
