"""Saved views of the list: whose they are, who changes them, and the one a list opens with."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
from admin_rows import LIST, add, ids_shown, messages_of, staff_in, text_of
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test import Client
from queries import captured_queries

from events.models import DefaultView, SavedView
from events.models.saved_view import NAME_LENGTH, QUERY_LENGTH

pytestmark = pytest.mark.django_db

FILTER = "severity=error&since=24h"


@pytest.fixture
def viewer() -> Client:
    return staff_in("Event viewers")


@pytest.fixture
def other() -> Client:
    return staff_in("Event viewers", "other")


def post(client: Client, action: str, query: str = FILTER, **data: Any) -> Any:
    return client.post(f"{LIST}views/{action}/", {"query": query, **data}, follow=True)


def saved(client: Client, name: str = "Morning", query: str = FILTER, **data: Any) -> SavedView:
    post(client, "save", query, name=name, **data)
    return SavedView.objects.get(name=name)


def offered(client: Client, query: str = "?all=1") -> str:
    """The bar above the list."""
    page = text_of(client.get(f"{LIST}{query}"))
    return page.split('class="flow views-bar"')[1].split("list-bar")[0]


def test_a_filter_is_saved_under_a_name_and_leads_back_to_itself(viewer: Client) -> None:
    response = post(
        viewer, "save", "since=24h&q=+login++&severity=error&p=3&device=", name=" A  b "
    )
    assert messages_of(response) == ["Saved as “A b”."]
    assert response.redirect_chain == [(f"{LIST}?q=login&severity=error&since=24h", 302)]
    view = SavedView.objects.get()
    assert (view.name, view.owner.username, view.is_shared) == ("A b", "operator", False)
    assert view.query == "q=login&severity=error&since=24h"  # 24 h before it is opened
    assert 'href="?q=login&amp;severity=error&amp;since=24h"' in offered(viewer)


def test_the_bar_names_the_view_in_force_whatever_the_addresss_order(viewer: Client) -> None:
    saved(viewer)
    for query in (f"?{FILTER}", "?since=24h&severity=error&p=1&all=1"):
        assert '<span class="views-name">Morning</span>' in offered(viewer, query)
    assert '<span class="views-name">not saved</span>' in offered(viewer, "?severity=error")
    assert '<span class="views-name">all events</span>' in offered(viewer)


@pytest.mark.parametrize(
    ("query", "name", "told"),
    [
        ("", "Morning", "No filter is in force: choose one, then save it."),
        ("p=2&o=1&all=1&q=+", "Morning", "No filter is in force: choose one, then save it."),
        (f"q={'x' * QUERY_LENGTH}", "Morning", "This filter is too long to be saved."),
        (FILTER, "  ", "A view needs a name."),
        (FILTER, "x" * (NAME_LENGTH + 1), "A name has 80 characters at most."),
        (FILTER, "a\0b", "The name holds a NUL character."),
    ],
)
def test_what_cannot_be_saved_is_told_in_words(
    viewer: Client, query: str, name: str, told: str
) -> None:
    assert messages_of(post(viewer, "save", query, name=name)) == [told]
    assert not SavedView.objects.exists()


def test_the_longest_name_and_filter_are_kept(viewer: Client) -> None:
    name, query = "n" * NAME_LENGTH, f"q={'x' * (QUERY_LENGTH - 2)}"
    assert saved(viewer, name, query).query == query


def test_another_refusal_of_a_view_is_not_told_as_its_name(viewer: Client) -> None:
    view = saved(viewer)
    with connection.cursor() as cursor:  # as a restore leaves it
        cursor.execute("SELECT setval('event_saved_views_id_seq', %s, false)", [view.pk])
    with pytest.raises(IntegrityError, match="event_saved_views_pkey"):
        post(viewer, "save", "severity=info", name="Evening")


def test_a_name_is_taken_for_its_owner_only(viewer: Client, other: Client) -> None:
    saved(viewer, is_shared="on")
    evening = saved(viewer, "Evening", "severity=info")
    taken = ["There is a view “Morning” already: choose another name."]
    assert messages_of(post(viewer, "save", "q=x", name="Morning")) == taken
    assert messages_of(post(viewer, "change", view=evening.pk, name="Morning")) == taken
    post(other, "save", name="Morning")
    assert SavedView.objects.filter(name="Morning").count() == 2


def test_a_view_is_its_owners_alone_until_it_is_shared(viewer: Client, other: Client) -> None:
    view = saved(viewer)
    assert "Morning" not in offered(other, f"?{FILTER}")
    post(viewer, "change", view=view.pk, name="Mornings", is_shared="on")
    assert "Mornings" in offered(other)
    assert "by operator" in offered(other)
    post(viewer, "change", view=view.pk, name="Mornings")
    assert "Mornings" not in offered(other)


@pytest.mark.parametrize("action", ["change", "replace", "delete"])
def test_a_shared_view_is_changed_by_its_owner_and_superusers_only(
    viewer: Client, other: Client, admin_client: Client, action: str
) -> None:
    view = saved(viewer, is_shared="on")
    data = {"view": view.pk, "name": "Mine", "is_shared": "on"}
    assert post(other, action, "q=x", **data).status_code == 403
    assert SavedView.objects.filter(name="Morning", query=FILTER).exists()
    assert "Change view" not in offered(other, f"?{FILTER}")
    assert "Change view" in offered(admin_client, f"?{FILTER}")
    for client in (admin_client, viewer):
        assert messages_of(post(client, action, "q=x", **data))
        assert not SavedView.objects.filter(name="Morning", query=FILTER).exists()
        SavedView.objects.all().delete()
        data["view"] = saved(viewer, is_shared="on").pk


def test_anothers_view_that_is_not_shared_is_as_good_as_gone(
    viewer: Client, admin_client: Client
) -> None:
    view = saved(viewer)
    for action in ("change", "replace", "delete", "open-with"):
        for pk in (view.pk, view.pk + 1, "x", "9" * 30):
            response = post(admin_client, action, view=pk, name="Mine")
            assert messages_of(response) == ["This view was deleted, or is no longer shared."]
    view.refresh_from_db()
    assert (view.name, view.query) == ("Morning", FILTER)


def test_a_view_takes_another_filter_in_place_of_its_own(viewer: Client) -> None:
    view = saved(viewer, is_shared="on")
    response = post(viewer, "replace", "severity=critical", view=view.pk)
    assert messages_of(response) == ["“Morning” now holds this filter."]
    view.refresh_from_db()
    assert (view.query, view.is_shared) == ("severity=critical", True)
    told = messages_of(post(viewer, "replace", "", view=view.pk))
    assert told == ["No filter is in force: choose one, then save it."]


def test_the_list_opens_with_the_default_view_by_a_redirect(viewer: Client, other: Client) -> None:
    add(severity="info")
    error = add(severity="error")
    view = saved(viewer, is_shared="on")
    for client in (viewer, other):
        response = post(client, "open-with", view=view.pk)
        assert messages_of(response) == ["The list opens with “Morning”."]
        opened = client.get(LIST)
        assert (opened.status_code, opened["Location"]) == (302, f"{LIST}?{FILTER}")
        assert ids_shown(client, f"?{FILTER}") == [error.pk]
        assert len(ids_shown(client, "?all=1")) == 2
    post(viewer, "open-with", view=saved(viewer, "Evening", "severity=info").pk)
    assert viewer.get(LIST)["Location"] == f"{LIST}?severity=info"
    assert other.get(LIST)["Location"] == f"{LIST}?{FILTER}"
    assert messages_of(post(viewer, "open-with")) == ["The list opens without a filter."]
    assert viewer.get(LIST).status_code == 200


def test_a_default_counts_while_its_view_is_there_to_be_seen(viewer: Client, other: Client) -> None:
    view = saved(viewer, is_shared="on")
    post(other, "open-with", view=view.pk)
    post(viewer, "change", view=view.pk, name="Morning")
    assert other.get(LIST).status_code == 200
    post(viewer, "change", view=view.pk, name="Morning", is_shared="on")
    assert other.get(LIST).status_code == 302
    post(viewer, "delete", view=view.pk)
    assert other.get(LIST).status_code == 200
    assert not DefaultView.objects.exists()


def test_clearing_the_filters_leads_to_the_plain_list(viewer: Client) -> None:
    add()
    post(viewer, "open-with", view=saved(viewer).pk)
    for query in (f"?{FILTER}", "?q=zzz", "?since=yesterday"):
        page = text_of(viewer.get(f"{LIST}{query}"))
        assert 'href="?"' not in page
        assert 'class="clear-all" href="?all=1"' in page or 'class="button" href="?all=1"' in page
    # The last filter taken away, by its chip, by its pill, or by an emptied search.
    page = text_of(viewer.get(f"{LIST}?severity=error"))
    assert page.count('href="?all=1"') >= 4
    assert len(ids_shown(viewer, "?q=")) == 1
    # And a filter added to the plain list stands alone in the address.
    assert 'href="?severity=error"' in text_of(viewer.get(f"{LIST}?all=1"))


def test_an_action_on_the_plain_list_is_not_led_away(admin_client: Client) -> None:
    event = add()
    post(admin_client, "open-with", view=saved(admin_client).pk)
    form = {"action": "resolve_selected", "_selected_action": [str(event.pk)]}
    admin_client.post(LIST, {**form, "index": "0", "select_across": "0"})
    event.refresh_from_db()
    assert event.resolved


def test_a_view_that_cannot_be_read_any_more_shows_the_lists_own_problems(viewer: Client) -> None:
    add()
    post(viewer, "open-with", view=saved(viewer, query="since=yesterday&gone=1").pk)
    page = text_of(viewer.get(LIST, follow=True))
    assert "This page has no filter “gone”." in page
    assert "Nothing is shown while a filter can't be read" in page
    assert "Change view" in page
    assert "Save view" not in offered(viewer, "?since=tomorrow")


def test_names_and_filters_are_inert(viewer: Client) -> None:
    hostile = "<script>alert(1)</script>\"'"
    saved(viewer, hostile, f"q={hostile}", is_shared="on")
    for query in ("?all=1", f"?q={hostile}", "?q=x"):
        page = text_of(viewer.get(LIST + query))
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;" in page


def test_views_are_for_those_who_may_view_events(viewer: Client) -> None:
    view = saved(viewer)
    client = staff_in("Event producers", "producer")
    assert client.get(LIST).status_code == 403
    for action in ("save", "change", "replace", "delete", "open-with"):
        assert post(client, action, view=view.pk, name="Mine").status_code == 403
        assert viewer.get(f"{LIST}views/{action}/").status_code == 405
        assert "/admin/login/" in Client().post(f"{LIST}views/{action}/")["Location"]
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="operator"))
    assert post(strict, "save", name="Without a token").status_code == 403
    assert list(SavedView.objects.values_list("name", flat=True)) == ["Morning"]


def test_an_owner_who_goes_takes_their_views_along(viewer: Client, other: Client) -> None:
    post(other, "open-with", view=saved(viewer, is_shared="on").pk)
    User.objects.get(username="operator").delete()
    assert not SavedView.objects.exists()
    assert other.get(LIST).status_code == 200


def test_the_views_cost_one_query_however_many_there_are(viewer: Client, other: Client) -> None:
    for number in range(3):
        saved(viewer, f"View {number}", f"q={number}", is_shared="on")
        saved(other, f"Theirs {number}", f"q={number}", is_shared="on")
    with captured_queries() as captured:
        viewer.get(f"{LIST}?all=1")
    assert len([sql for sql in captured if "event_saved_views" in sql]) == 1
    post(viewer, "open-with", view=SavedView.objects.get(name="View 1").pk)
    with captured_queries() as captured:
        assert viewer.get(LIST).status_code == 302
    # Session, user, its permissions and those of its groups, the views.
    assert len(captured) == 5


def test_a_view_keeps_the_offset_of_a_time_and_how_long_ago_another_was(
    viewer: Client, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    typed = "since=2026-01-31T18:30&until=2w&q=x+since:2026-01-31"
    view = saved(viewer, query=typed)
    kept = {"since": "2026-01-31T18:30:00+01:00", "q": "x since:2026-01-31T00:00:00+01:00"}
    assert dict(parse_qsl(view.query)) == {**kept, "until": "2w"}
    assert '<span class="views-name">Morning</span>' in offered(viewer, f"?{typed}")


def test_a_view_that_was_kept_without_an_offset_is_still_the_one_in_force(viewer: Client) -> None:
    view = saved(viewer)
    SavedView.objects.filter(pk=view.pk).update(query="since=2026-01-31T18:30")
    assert '<span class="views-name">Morning</span>' in offered(viewer, "?since=2026-01-31T18:30")
