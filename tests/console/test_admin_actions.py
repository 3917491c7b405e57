"""Resolve and reopen from the list: what exactly changes, what is said, and who may."""

import pytest
from admin_rows import LIST, act, add, add_many, messages_of, staff_in, text_of
from django.test import Client

from events.models import EventAction, SystemEvent

pytestmark = pytest.mark.django_db

PREVIEW = "/admin/events/bulkjob/preview/"


def unresolved() -> int:
    return SystemEvent.objects.unresolved().count()


def test_selected_rows_are_resolved_and_counted_exactly(admin_client: Client) -> None:
    events = add_many(5)
    SystemEvent.objects.filter(pk=events[0].pk).update(resolved=True, resolved_by="auto")
    response = act(admin_client, "resolve_selected", events[:3], reason="  Known outage ")
    assert messages_of(response) == ["Resolved 2 events. 1 was resolved already."]
    assert unresolved() == 2
    action = EventAction.objects.get()
    assert (action.action, action.actor, action.actor_kind) == ("resolve", "admin", "human")
    assert (action.face, action.reason) == ("admin", "Known outage")
    first = SystemEvent.objects.get(pk=events[0].pk)
    assert first.resolved_by == "auto"  # the first resolver is kept


def test_selected_rows_are_reopened(admin_client: Client) -> None:
    events = add_many(3, resolved=True, resolved_by="auto")
    add_many(1)
    response = act(admin_client, "reopen_selected", events[:2])
    assert messages_of(response) == ["Reopened 2 events."]
    assert unresolved() == 3
    response = act(admin_client, "reopen_selected", events[:1])
    assert messages_of(response) == ["Reopened 0 events. 1 was unresolved already."]


def test_a_row_that_left_the_filter_meanwhile_is_still_the_one_selected(
    admin_client: Client,
) -> None:
    [event] = add_many(1, resolved=True, resolved_by="auto")
    response = act(admin_client, "resolve_selected", [event], "?resolved=false")
    assert messages_of(response) == ["Resolved 0 events. 1 was resolved already."]


def newest_id_on(client: Client, query: str) -> str:
    page = text_of(client.get(f"{LIST}{query}"))
    return page.split('name="newest_id" value="')[1].split('"')[0]


@pytest.mark.parametrize("page", ["", "&p=2", "&o=1"])
def test_all_that_match_are_previewed_but_not_what_arrived_after_the_page(
    admin_client: Client, page: str
) -> None:
    events = add_many(120, severity="error")
    add(severity="info")
    query = f"?severity=error{page}"
    newest_id = newest_id_on(admin_client, query)
    assert newest_id == str(events[-1].pk)
    add(severity="error")
    response = act(
        admin_client,
        "resolve_selected",
        events[:1],
        query,
        select_across="1",
        newest_id=newest_id,
        reason="Known outage",
    )
    shown = text_of(response)
    assert "<strong>120</strong>" in shown
    assert 'value="Known outage"' in shown
    assert unresolved() == 122


@pytest.mark.parametrize("newest_id", ["", "x", "-1", "9" * 30, "1e3", "\0"])
def test_all_that_match_needs_the_id_the_page_was_shown_with(
    admin_client: Client, newest_id: str
) -> None:
    events = add_many(2)
    response = act(
        admin_client, "resolve_selected", events[:1], select_across="1", newest_id=newest_id
    )
    assert "nothing was changed" in messages_of(response)[0]
    assert unresolved() == 2


@pytest.mark.parametrize("selected", ["x", "--1", "-" + "9" * 30, "1; DROP", "\0", ""])
def test_a_selection_that_cannot_be_read_changes_nothing(
    admin_client: Client, selected: str
) -> None:
    add_many(2)
    response = act(admin_client, "resolve_selected", [], _selected_action=["1", selected])
    assert "nothing was changed" in messages_of(response)[0]
    assert unresolved() == 2


def test_a_filter_that_cannot_be_read_never_widens_an_action(admin_client: Client) -> None:
    events = add_many(2)
    for query in (
        "?since=yesterday",
        "?severty=error",
        "?device=nope",
        "?q=%00",
        "?q=severty:error",
    ):
        response = act(
            admin_client,
            "resolve_selected",
            events[:1],
            query,
            select_across="1",
            newest_id=str(events[-1].pk),
        )
        assert "nothing was changed" in " ".join(messages_of(response))
    assert unresolved() == 2


def test_nothing_selected_and_no_action_say_so(admin_client: Client) -> None:
    events = add_many(1)
    assert "Items must be selected" in messages_of(act(admin_client, "resolve_selected", []))[0]
    assert messages_of(act(admin_client, "", events)) == ["No action selected."]
    assert messages_of(act(admin_client, "delete_selected", events)) == ["No action selected."]
    assert unresolved() == 1


def test_a_responder_sees_the_actions_and_may_use_them() -> None:
    client = staff_in("Event responders")
    events = add_many(2)
    assert "resolve_selected" in text_of(client.get(LIST))
    assert messages_of(act(client, "resolve_selected", events)) == ["Resolved 2 events."]
    assert EventAction.objects.get().actor == "operator"


def test_a_viewer_sees_the_lists_and_no_actions_and_is_refused() -> None:
    client = staff_in("Event viewers")
    events = add_many(2)
    page = text_of(client.get(LIST))
    assert "Message 1" in page
    assert "resolve_selected" not in page
    assert "action-select" not in page
    response = act(client, "resolve_selected", events)
    assert response.status_code == 403
    assert unresolved() == 2


def test_without_a_csrf_token_nothing_changes() -> None:
    client = staff_in("Event responders")
    client.handler.enforce_csrf_checks = True
    events = add_many(1)
    assert act(client, "resolve_selected", events).status_code == 403
    assert unresolved() == 1


def test_a_reason_may_be_as_long_as_over_rest(admin_client: Client) -> None:
    events = add_many(1)
    for page in (LIST, f"{LIST}{events[0].pk}/change/", f"{PREVIEW}?action=resolve"):
        assert 'maxlength="1000"' in text_of(admin_client.get(page))
    act(admin_client, "resolve_selected", events, reason="x" * 1001)
    assert EventAction.objects.get().reason == "x" * 1000
