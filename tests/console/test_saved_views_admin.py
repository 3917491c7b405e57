"""Many saved views: what the list offers of them, and the page on which all are found."""

from typing import Any

import pytest
from admin_rows import LIST, messages_of, staff_in, text_of
from django.contrib.auth.models import User
from django.test import Client

from events.models import SavedView
from events.models.saved_view import VIEWS_OFFERED, VIEWS_PER_OWNER

pytestmark = pytest.mark.django_db

VIEWS = "/admin/events/savedview/"


@pytest.fixture
def viewer() -> Client:
    return staff_in("Event viewers")


@pytest.fixture
def theirs() -> list[SavedView]:
    """As many shared views of another user as could be saved before there was a bound."""
    flooder = User.objects.create_user("flooder")
    return SavedView.objects.bulk_create(
        SavedView(
            owner=flooder, name=f"Flood {number:04}", query=f"q=flood{number}", is_shared=True
        )
        for number in range(VIEWS_OFFERED * 2)
    )


def offered(client: Client, query: str) -> str:
    return text_of(client.get(f"{LIST}?{query}")).split("views-bar")[1].split("list-bar")[0]


def save(client: Client, name: str) -> Any:
    form = {"query": "q=mine", "name": name}
    return client.post(f"{LIST}views/save/", form, follow=True)


def delete(client: Client, views: list[SavedView]) -> Any:
    form = {"action": "delete_selected", "_selected_action": [view.pk for view in views]}
    return client.post(VIEWS, {**form, "post": "yes"}, follow=True)


def test_a_list_offers_a_bounded_number_of_views_ones_own_the_default_and_the_current_among_them(
    viewer: Client, theirs: list[SavedView]
) -> None:
    save(viewer, "Zebra")
    default, current = theirs[-1], theirs[-2]
    viewer.post(f"{LIST}views/open-with/", {"query": "", "view": default.pk})
    bar = offered(viewer, current.query)
    assert bar.count('<li class="flow"') == VIEWS_OFFERED + 2  # that of all events, and to the page
    for view in ("Zebra", default.name, current.name):
        assert f">{view}</a>" in bar
    assert f'views-name">{current.name}<' in bar
    assert viewer.get(LIST).headers["Location"] == f"{LIST}?{default.query}"


def test_a_user_has_a_bounded_number_of_views(viewer: Client) -> None:
    owner = User.objects.get(username="operator")
    SavedView.objects.bulk_create(
        SavedView(owner=owner, name=f"Mine {number}", query=f"q={number}")
        for number in range(VIEWS_PER_OWNER - 1)
    )
    assert messages_of(save(viewer, "Last")) == ["Saved as “Last”."]
    told = f"You have {VIEWS_PER_OWNER} saved views, as many as one may: delete one first."
    assert messages_of(save(viewer, "One more")) == [told]
    assert delete(viewer, [SavedView.objects.get(name="Last")]).status_code == 200
    assert messages_of(save(viewer, "One more")) == ["Saved as “One more”."]


def test_all_views_that_a_user_sees_are_found_on_a_page_of_their_own(
    viewer: Client, theirs: list[SavedView]
) -> None:
    save(viewer, "Zebra")
    SavedView.objects.filter(pk=theirs[1].pk).update(is_shared=False)
    page = text_of(viewer.get(VIEWS))
    assert theirs[0].name in page
    assert theirs[1].name not in page
    assert f'<a href="{LIST}?q=mine">Zebra</a>' in text_of(viewer.get(f"{VIEWS}?q=zebra"))
    assert f'href="{VIEWS}"' in offered(viewer, "all=1")
    assert staff_in("Event producers", "producer").get(VIEWS).status_code == 403


def test_there_many_are_deleted_by_their_owner_and_by_superusers_only(
    viewer: Client, admin_client: Client, theirs: list[SavedView]
) -> None:
    assert delete(viewer, theirs[:2]).status_code == 403
    assert viewer.post(f"{VIEWS}{theirs[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert SavedView.objects.count() == len(theirs)
    delete(admin_client, theirs[:2])
    assert SavedView.objects.count() == len(theirs) - 2
