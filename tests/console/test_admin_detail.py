"""The page of one event: its parts, its buttons, its history, and hostile rows on every page."""

import json
from typing import Any

import pytest
from admin_rows import LIST, add, add_many, ids_shown, messages_of, staff_in, text_of
from django.db import connection
from django.test import Client
from queries import captured_queries

from events.admin.context_json import highlight
from events.models import Account, Device, SystemEvent
from events.models.actor import Actor

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'</title></pre>&amp;"


def page_of(client: Client, event: SystemEvent) -> str:
    return text_of(client.get(f"{LIST}{event.pk}/change/"))


def test_the_page_shows_the_event_and_what_it_is_about(admin_client: Client) -> None:
    [event] = add_many(
        1, category="account", event_type="login_failed", context={"step": "login", "tries": 3}
    )
    page = page_of(admin_client, event)
    for text in (
        f"#{event.pk}",
        "Message 0",
        "Login threw exception",  # when the catalogue says it is emitted
        '<span class="json-key">&quot;step&quot;</span>',
        '<span class="json-number">3</span>',
        str(event.device_id),
        str(event.account_id),
        f"/admin/events/device/{event.device_id}/change/",
        f"{LIST}?device={event.device_id}",
        f"{LIST}?account={event.account_id}",
        f"{LIST}?event_type=login_failed",
        f"{LIST}{event.pk}/resolve/",
    ):
        assert text in page, text


def test_the_page_costs_the_same_however_much_history_there_is(admin_client: Client) -> None:
    [event] = add_many(1)
    queryset = SystemEvent.objects.filter(pk=event.pk)
    counts = []
    for times in (1, 20):
        for _ in range(times):
            queryset.resolve(by=Actor("a", "auto", "api"))
            queryset.reopen(by=Actor("b", "human", "admin"))
        with captured_queries() as captured:
            page_of(admin_client, event)
        counts.append(len(captured))
    assert counts == [10, 10]  # session, user, event, context, neighbours (4), history (2)


def test_resolving_and_reopening_there_is_recorded_and_shown(admin_client: Client) -> None:
    event = add()
    response = admin_client.post(
        f"{LIST}{event.pk}/resolve/", {"reason": "Router rebooted"}, follow=True
    )
    assert messages_of(response) == ["Resolved."]
    event.refresh_from_db()
    assert (event.resolved, event.resolved_by) == (True, "human")
    again = admin_client.post(f"{LIST}{event.pk}/resolve/", follow=True)
    assert messages_of(again) == ["It was resolved already."]
    response = admin_client.post(f"{LIST}{event.pk}/reopen/", follow=True)
    assert messages_of(response) == ["Reopened."]
    page = text_of(response)
    assert "Router rebooted" in page
    assert "by <b>admin</b> (human), through the admin" in page
    assert page.index("Reopened</strong>") < page.index("Resolved</strong>")  # the latest first


def test_the_way_back_keeps_the_filters(admin_client: Client) -> None:
    event = add(severity="error")
    kept = "_changelist_filters=severity%3Derror"
    page = text_of(admin_client.get(f"{LIST}?severity=error"))
    assert f"{LIST}{event.pk}/change/?{kept}" in page
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/?{kept}"))
    assert f'href="{LIST}?severity=error"' in page
    response = admin_client.post(f"{LIST}{event.pk}/resolve/?{kept}")
    assert response.headers["Location"] == f"{LIST}{event.pk}/change/?{kept}"


def test_only_those_who_may_resolve_get_the_button() -> None:
    client = staff_in("Event viewers")
    event = add()
    assert f"{LIST}{event.pk}/resolve/" not in page_of(client, event)
    assert client.post(f"{LIST}{event.pk}/resolve/").status_code == 403
    assert client.get(f"{LIST}{event.pk}/resolve/").status_code == 403
    event.refresh_from_db()
    assert not event.resolved


def test_a_button_is_pressed_not_followed(admin_client: Client) -> None:
    event = add()
    assert admin_client.get(f"{LIST}{event.pk}/resolve/").status_code == 405
    assert admin_client.get(f"{LIST}{event.pk}/reopen/").status_code == 405


def test_staff_without_permissions_see_nothing(django_user_model: Any) -> None:
    client = Client()
    client.force_login(django_user_model.objects.create_user("new", is_staff=True))
    [event] = add_many(1)
    for path in (
        LIST,
        f"{LIST}{event.pk}/change/",
        "/admin/events/device/",
        f"/admin/events/device/{event.device_id}/change/",
        "/admin/events/account/",
        "/admin/events/eventaction/",
    ):
        assert client.get(path).status_code == 403, path


def test_device_and_account_pages_show_events_only_to_those_who_may(
    django_user_model: Any,
) -> None:
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("keeper", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_device"))
    client = Client()
    client.force_login(user)
    [event] = add_many(1)
    page = text_of(client.get(f"/admin/events/device/{event.device_id}/change/"))
    assert "iPhone-A" in page
    assert "Message 0" not in page


def test_a_device_shows_its_latest_events_in_bounded_queries(admin_client: Client) -> None:
    events = add_many(30)
    SystemEvent.objects.filter(pk=events[0].pk).update(resolved=True)
    path = f"/admin/events/device/{events[0].device_id}/change/"
    with captured_queries() as captured:
        page = text_of(admin_client.get(path))
    assert len(captured) == 5  # session, user, device, latest, unresolved
    assert "Message 29" in page
    assert "Message 9<" not in page
    assert "<strong>29</strong> unresolved" in page
    assert f"{LIST}?device={events[0].device_id}&amp;resolved=false" in page


@pytest.mark.parametrize("pk", ["0", "x", "9" * 30, "%00", "1%2F2", "..."])
def test_an_event_that_is_not_there_leads_back_with_a_message(
    admin_client: Client, pk: str
) -> None:
    response = admin_client.get(f"{LIST}{pk}/change/", follow=True)
    assert response.status_code in (200, 404)


def test_hostile_text_is_inert_on_every_page(admin_client: Client) -> None:
    device = Device.objects.create(name=HOSTILE)
    account = Account.objects.create(platform=HOSTILE, username=HOSTILE)
    event = add(
        HOSTILE,
        category=HOSTILE,
        severity=HOSTILE,
        event_type=HOSTILE,
        device=device,
        account=account,
        context={HOSTILE: [HOSTILE, {HOSTILE: None}]},
        resolved=True,
        resolved_by=HOSTILE,
    )
    SystemEvent.objects.filter(pk=event.pk).reopen(
        by=Actor(HOSTILE, "auto", HOSTILE), reason=HOSTILE
    )
    for path in (
        LIST,
        f"{LIST}{event.pk}/change/",
        "/admin/events/device/",
        f"/admin/events/device/{device.pk}/change/",
        "/admin/events/account/",
        f"/admin/events/account/{account.pk}/change/",
        "/admin/events/eventaction/",
    ):
        page = text_of(admin_client.get(path))
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page, path
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
    for name in ("severity", "category", "event_type", "device", "account", "since", "q", "foo"):
        page = text_of(admin_client.get(LIST, {name: HOSTILE, HOSTILE: HOSTILE}))
        assert "<script>alert" not in page, name
        assert "<img src=x" not in page, name


def test_nulls_and_blanks_are_shown_as_such(admin_client: Client) -> None:
    event = add("  ", category="", event_type="", context=None, resolved=None)
    assert ids_shown(admin_client) == [event.pk]
    page = page_of(admin_client, event)
    assert "(no message)" in page
    assert "This event came without context." in page
    assert "Unresolved" in page
    assert "Not in the catalogue." in page


def test_a_context_that_python_cannot_parse_is_shown_all_the_same(admin_client: Client) -> None:
    deep, number = "[" * 3000 + "]" * 3000, "1e5000"
    ids = []
    with connection.cursor() as cursor:
        for context in (f'{{"a": {deep}}}', f'{{"a": {number}}}'):
            cursor.execute(
                "INSERT INTO system_events (category, severity, event_type, message, context)"
                " VALUES ('c', 'info', 't', 'm', %s) RETURNING id",
                [context],
            )
            ids.append(cursor.fetchone()[0])
    assert ids_shown(admin_client) == ids[::-1]
    for pk in ids:
        text = text_of(admin_client.get(f"{LIST}{pk}/change/"))
        assert "json-key" in text
        assert len(text) < 3_000_000


def test_a_large_context_is_cut_with_a_mark(admin_client: Client) -> None:
    event = add(context={"text": '\\"' * 60_000})
    page = page_of(admin_client, event)
    assert "Cut here; the API gives the whole of it." in page


def test_highlighting_loses_no_character() -> None:
    import html
    import re

    text = json.dumps({'a"b': ["é<", -1.5e3, True, None, {}], "c": "x\\"}, indent=2)
    for shown in (text, text[:-7], text[:9], '"', '"\\', "\\", ""):
        assert html.unescape(re.sub("<[^>]+>", "", highlight(shown))) == shown
