"""What producers and people wrote is drawn alike on every page: no colours, no blanks, no turns."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from admin_rows import LIST, add, text_of
from bulk_jobs import make_job
from django.test import Client

from events.admin.folded import fold
from events.models import Account, Device, SavedView, SystemEvent
from events.models.actor import Actor

pytestmark = pytest.mark.django_db

COLOURED = "\x1b[31mred\x1b[0m\u202e"


def pages(client: Client, event: SystemEvent) -> dict[str, str]:
    paths = [
        "/admin/",
        LIST,
        f"{LIST}{event.pk}/change/",
        "/admin/events/problems/",
        f"/admin/events/timeline/?device={event.device_id}",
        f"/admin/events/device/{event.device_id}/change/",
        "/admin/events/device/",
        "/admin/events/account/",
        "/admin/events/eventaction/",
    ]
    return {path: unescape(text_of(client.get(path))) for path in paths}


def an_event(text: str, **columns: Any) -> SystemEvent:
    device = Device.objects.create(name=text)
    account = Account.objects.create(platform="tiktok", username=text)
    given = {"severity": "error", "device": device, "account": account, "category": text}
    return add(text, **{**given, "event_type": text, **columns})


def test_no_page_draws_what_only_a_terminal_obeys(admin_client: Client) -> None:
    event = an_event(COLOURED)
    for action in ("resolve", "reopen"):
        found = SystemEvent.objects.filter(pk=event.pk)
        found.act_on_all(action, by=Actor(COLOURED, "human", "admin"), reason=COLOURED)
    for path, page in pages(admin_client, event).items():
        # In an address it is percent-encoded, as stored; a key nobody sees.
        drawn = re.sub(r'data-key=".*?"', "", page)
        assert "red" in drawn, path
        assert not re.search("[\x1b\u202e]|\\[31m", drawn), path


def test_no_page_draws_in_a_filter_what_only_a_terminal_obeys(
    admin_client: Client, admin_user: Any
) -> None:
    an_event(COLOURED)
    job = make_job(urlencode({"category": COLOURED}), steps=[a_step(COLOURED)])
    SavedView.objects.create(owner=admin_user, name=COLOURED, query=urlencode({"q": COLOURED}))
    asked = urlencode({"q": COLOURED, "category": COLOURED, "device": COLOURED})
    for path in (
        f"{LIST}?{asked}",
        f"{LIST}?{urlencode({'resolved': COLOURED})}",
        f"/admin/events/live/?{urlencode({'category': COLOURED})}",
        f"/admin/events/problems/?{urlencode({'category': COLOURED})}",
        f"/admin/events/bulkjob/preview/?action=resolve&{urlencode({'category': COLOURED})}",
        f"/admin/events/bulkjob/{job.pk}/change/",
        "/admin/events/bulkjob/",
        "/admin/events/savedview/",
    ):
        page = unescape(text_of(admin_client.get(path)))
        drawn = re.sub(r'(?:value|data-[a-z]+)=".*?"', "", page)  # as typed, to be sent again
        assert "red" in drawn, path
        assert not re.search("[\x1b\u202e]|\\[31m", drawn), path


def a_step(actor: str) -> dict[str, str]:
    at = "2026-01-31T12:00:00+00:00"
    return {"step": "confirmed", "actor": actor, "actor_kind": "human", "face": "admin", "at": at}


@pytest.mark.parametrize("blank", ["\u200b", "\ufeff", "\u3164", "\x1b[0m", "\u202e", " "])
def test_a_message_or_name_that_nobody_sees_is_said_to_be_none(
    admin_client: Client, blank: str
) -> None:
    event = an_event(blank)
    shown = pages(admin_client, event)
    for path in ("/admin/", LIST, f"{LIST}{event.pk}/change/", "/admin/events/problems/"):
        assert "(no message)" in shown[path], path
    for path in (LIST, "/admin/events/device/", "/admin/events/account/"):
        assert f">{event.device_id}<" in shown[path] or str(event.account_id) in shown[path], path
    assert "(no message)" in shown[f"/admin/events/timeline/?device={event.device_id}"]


def test_a_message_has_a_direction_of_its_own(admin_client: Client) -> None:
    event = add("مرحبا (1)", severity="error")
    assert '<span class="message" dir="auto"' in text_of(admin_client.get(LIST))
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/"))
    assert '<h1 class="event-message" dir="auto">مرحبا (1)</h1>' in page


def test_a_long_message_is_folded_under_its_beginning(admin_client: Client) -> None:
    source = "\n".join(f"<div>{number}</div>" for number in range(100))
    page = unescape(text_of(admin_client.get(f"{LIST}{add(source).pk}/change/")))
    head = page.partition("<h1")[2].partition("</h1>")[0]
    assert head.endswith("<div>2</div> …")
    assert "<summary>Show all 100 lines</summary>" in page
    assert f">{source}</pre>" in page
    page = text_of(admin_client.get(f"{LIST}{add('short').pk}/change/"))
    assert "whole-message" not in page


@pytest.mark.parametrize(
    "text, head, whole",
    [
        ("one", "one", ""),
        ("one\ntwo\n", "one\ntwo", ""),
        ("x" * 8192, "x" * 280 + " …", "x" * 8192),
        ("\n\n1\r2\r3\r4", "1\n2\n3 …", "1\n2\n3\n4"),
        ("\u200b", "", ""),
    ],
)
def test_what_is_folded_is_more_than_a_heading(text: str, head: str, whole: str) -> None:
    assert fold(text)[:2] == (head, whole)


def test_a_message_of_megabytes_is_cut_with_a_mark(admin_client: Client) -> None:
    page = text_of(admin_client.get(f"{LIST}{add('x' * 200_000).pk}/change/"))
    assert "Cut here; the API gives the whole of it." in page
    assert len(page) < 150_000
