"""Tokens and the history in the admin: what is shown, and revoking."""

from datetime import timedelta

import pytest
from admin_rows import add_many, messages_of, staff_in, text_of
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from events.models import ApiToken, SystemEvent
from events.models.actor import Actor

pytestmark = pytest.mark.django_db

TOKENS = "/admin/events/apitoken/"


def make_token(user: User, **fields: object) -> tuple[ApiToken, str]:
    token, secret = ApiToken.objects.create(user=user, **fields)
    return token, secret


def test_a_token_is_shown_without_its_digest_and_never_made_here(
    admin_client: Client, admin_user: User
) -> None:
    token, secret = make_token(admin_user, kind="agent")
    make_token(admin_user, expiry=timedelta(days=-1))
    page = text_of(admin_client.get(TOKENS))
    assert "Agent" in page
    assert f"{token.token_key}…" in page
    assert "expired" in page
    assert token.digest not in page
    assert secret not in page
    assert admin_client.get(f"{TOKENS}add/").status_code == 404
    user_page = text_of(admin_client.get(f"/admin/auth/user/{admin_user.pk}/delete/"))
    assert token.digest not in user_page


def test_revoking_asks_first_and_deletes_that_token_alone(
    admin_client: Client, admin_user: User
) -> None:
    token, _ = make_token(admin_user)
    other, _ = make_token(admin_user)
    path = f"{TOKENS}{token.token_key}/revoke/"
    page = text_of(admin_client.get(path))
    assert "Revoke" in page
    assert token.digest not in page
    response = admin_client.post(path, follow=True)
    assert "refused from now on" in messages_of(response)[0]
    assert list(ApiToken.objects.values_list("digest", flat=True)) == [other.digest]
    entry = LogEntry.objects.get()
    assert entry.object_id == token.token_key
    assert admin_client.get(path).status_code == 404
    assert admin_client.get(f"{TOKENS}%00/revoke/").status_code == 404


def test_tokens_of_others_are_for_those_with_the_permission(admin_user: User) -> None:
    token, _ = make_token(admin_user)
    client = staff_in("Event responders")
    assert token.token_key not in text_of(client.get(TOKENS))
    assert client.get(f"{TOKENS}{token.token_key}/revoke/").status_code == 404
    assert client.post(f"{TOKENS}{token.token_key}/revoke/").status_code == 404
    client.post(f"{TOKENS}revoke-own/")
    operator = User.objects.get(username="operator")
    operator.user_permissions.add(Permission.objects.get(codename="view_apitoken"))
    assert token.token_key in text_of(client.get(TOKENS))
    assert client.post(f"{TOKENS}{token.token_key}/revoke/").status_code == 403
    assert ApiToken.objects.count() == 1


def test_everybody_sees_and_revokes_their_own() -> None:
    client = staff_in("Event viewers")
    operator = User.objects.get(username="operator")
    token, secret = make_token(operator)
    other, _ = make_token(operator)
    page = text_of(client.get(TOKENS))
    assert token.token_key in page and other.token_key in page
    assert f'href="{TOKENS}"' in text_of(client.get("/admin/"))
    bearer = Client(headers={"authorization": f"Token {secret}"})
    assert bearer.get("/api/events").status_code == 200
    client.post(f"{TOKENS}{token.token_key}/revoke/")
    assert bearer.get("/api/events").status_code == 401
    assert list(ApiToken.objects.all()) == [other]


def test_who_changes_their_password_is_offered_to_revoke_their_tokens(admin_user: User) -> None:
    theirs, _ = make_token(admin_user)
    client = staff_in("Event viewers")
    operator = User.objects.get(username="operator")
    form = {"old_password": "x", "new_password1": "quite-new-1", "new_password2": "quite-new-1"}
    done = text_of(client.post("/admin/password_change/", form, follow=True))
    assert "API tokens, which" not in done
    for _number in range(2):
        make_token(operator)
    done = text_of(client.get("/admin/password_change/done/"))
    assert "You have 2 API tokens, which work whatever your password is." in done
    assert client.get(f"{TOKENS}revoke-own/").status_code == 405
    client.post(f"{TOKENS}revoke-own/")
    assert list(ApiToken.objects.all()) == [theirs]
    assert LogEntry.objects.count() == 2


def test_the_history_lists_every_action_the_latest_first(admin_client: Client) -> None:
    events = add_many(3)
    SystemEvent.objects.all().resolve(by=Actor("watcher", "llm_agent", "api"), reason="Outage")
    SystemEvent.objects.filter(pk=events[0].pk).reopen(by=Actor("ada", "human", "admin"))
    page = text_of(admin_client.get("/admin/events/eventaction/"))
    assert page.index("ada") < page.index("watcher")
    for text in ("3 events", "Outage", "llm_agent", f"#{events[0].pk}"):
        assert text in page
