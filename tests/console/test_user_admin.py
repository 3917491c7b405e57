"""Users and groups in the admin: who may change users is no way to become one who may do more."""

from typing import Any

import pytest
from admin_rows import messages_of
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from events.models import ApiToken

pytestmark = pytest.mark.django_db

USERS, GROUPS = "/admin/auth/user/", "/admin/auth/group/"
MANAGING = ("view_user", "add_user", "change_user", "delete_user", "view_group", "change_group")
MANAGING += ("add_group", "delete_group")


def permissions(*codenames: str) -> Any:
    return Permission.objects.filter(codename__in=codenames)


@pytest.fixture
def manager() -> User:
    """One who may manage users and groups, and view events."""
    user = User.objects.create_user("manager", password="x", is_staff=True)
    user.user_permissions.set(permissions(*MANAGING, "view_systemevent"))
    return user


@pytest.fixture
def browser(manager: User) -> Client:
    client = Client()
    client.force_login(manager)
    return client


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password="ada's own", email="ada@example.com")


def change(client: Client, user: User, **fields: Any) -> Any:
    joined = user.date_joined
    form = {
        "username": user.username,
        "email": user.email,
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "is_active": "on",
        **fields,
    }
    return client.post(f"{USERS}{user.pk}/change/", form)


def test_what_one_has_can_be_given(browser: Client, ada: User) -> None:
    [viewing] = permissions("view_systemevent")
    group = Group.objects.create(name="Watchers")
    group.permissions.add(viewing)
    given = {"user_permissions": [viewing.pk], "groups": [group.pk], "is_staff": "on"}
    assert change(browser, ada, email="new@example.com", **given).status_code == 302
    ada = User.objects.get(pk=ada.pk)
    assert ada.is_staff and ada.has_perm("events.view_systemevent")
    assert (ada.email, list(ada.groups.all())) == ("new@example.com", [group])


@pytest.mark.parametrize("target", ["ada", "manager"])
def test_nobody_is_given_what_the_giver_has_not(
    browser: Client, manager: User, ada: User, target: str
) -> None:
    user = User.objects.get(username=target)
    before = user.get_all_permissions()
    [resolving] = permissions("resolve_systemevent")
    for more in (
        {"is_superuser": "on"},
        {"user_permissions": [resolving.pk]},
        {"groups": [Group.objects.get(name="Event responders").pk]},
    ):
        change(browser, user, **more)
        user = User.objects.get(pk=user.pk)
        assert not user.is_superuser
        assert user.get_all_permissions() == before


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("greater", ["superuser", "by a permission", "by a group"])
def test_who_has_more_is_not_changed_deactivated_given_a_password_or_deleted(
    browser: Client, ada: User, greater: str, active: bool
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=active, is_superuser=greater == "superuser")
    if greater == "by a permission":
        ada.user_permissions.set(permissions("resolve_systemevent"))
    if greater == "by a group":
        ada.groups.add(Group.objects.get(name="Event responders"))
    ada.refresh_from_db()
    password = {"password1": "taken-over-1", "password2": "taken-over-1"}
    selected = {"action": "delete_selected", "_selected_action": [ada.pk], "post": "yes"}
    answers = [
        change(browser, ada, email="evil@example.com"),
        browser.post(f"{USERS}{ada.pk}/password/", password),
        browser.post(f"{USERS}{ada.pk}/delete/", {"post": "yes"}),
        browser.post(USERS, selected),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    after = User.objects.get(pk=ada.pk)
    assert (after.email, after.is_active, after.password) == (ada.email, active, ada.password)


def test_a_group_is_no_way_around(browser: Client, manager: User) -> None:
    own = Group.objects.create(name="Own")
    own.permissions.set(permissions("view_systemevent"))
    manager.groups.add(own)
    [resolving] = permissions("resolve_systemevent")
    more = {"name": "Own", "permissions": [resolving.pk]}
    assert browser.post(f"{GROUPS}{own.pk}/change/", more).status_code == 200
    assert browser.post(f"{GROUPS}add/", {**more, "name": "New"}).status_code == 200
    responders = Group.objects.get(name="Event responders")
    path = f"{GROUPS}{responders.pk}/"
    assert browser.post(f"{path}change/", {"name": "Mine", "permissions": []}).status_code == 403
    assert browser.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert not User.objects.get(pk=manager.pk).has_perm("events.resolve_systemevent")
    assert not Group.objects.filter(name__in=["New", "Mine"]).exists()


def test_a_superuser_changes_everybody(admin_client: Client, ada: User) -> None:
    change(
        admin_client, ada, is_superuser="on", groups=[Group.objects.get(name="Event viewers").pk]
    )
    ada.refresh_from_db()
    assert ada.is_superuser and ada.groups.count() == 1


def test_who_gives_a_user_another_password_is_told_of_tokens_that_still_work(
    browser: Client, ada: User
) -> None:
    ApiToken.objects.create(ada)
    password = {"password1": "quite-another-1", "password2": "quite-another-1"}
    answer = browser.post(f"{USERS}{ada.pk}/password/", password, follow=True)
    told = "API tokens of this user that still work: 1. Revoke them there."
    assert told in messages_of(answer)
