"""Who may do what over REST, and how it says no."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from events.models import ApiToken, EventAction, SystemEvent
from events.web.authentication import find_token, read_permissions

pytestmark = pytest.mark.django_db
Bearer = Callable[..., Client]


@pytest.fixture
def bearer() -> Bearer:
    """Make a client that holds a token of a new user in the group."""

    def make(group: str | None = "Event responders", **token: Any) -> Client:
        user = User.objects.create_user("ada", is_active=token.pop("is_active", True))
        if group:
            user.groups.add(Group.objects.get(name=group))
        _, text = ApiToken.objects.create(user, **token)
        return Client(headers={"authorization": f"Token {text}"})

    return make


@pytest.fixture
def event() -> SystemEvent:
    return SystemEvent.objects.create(
        category="scheduler", severity="error", event_type="login_failed", message="No login"
    )


def post(client: Client, path: str, body: Any = None, **options: Any) -> Any:
    return client.post(path, body, content_type="application/json", **options)


def test_nobody_reads_without_a_credential(client: Client) -> None:
    answer = client.get("/api/events")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json() == {"detail": "Authentication credentials were not provided."}


@pytest.mark.parametrize(
    "header",
    [
        b"Token unknown",
        b"Token \xff\xfe",
        b"Token a\x00b",
        b"Token",
        b"Token a b",
        b"Token\tunknown",
        b"Token " + b"a" * 5000,
        b"Bearer abc",
        b"\x00",
    ],
)
def test_a_token_that_is_none_is_401(client: Client, header: bytes) -> None:
    answer = client.get("/api/events", headers={"authorization": header.decode("latin-1")})
    assert answer.status_code == 401
    assert isinstance(answer.json()["detail"], str)


def test_an_expired_token_is_401_and_stays_in_the_table(bearer: Bearer) -> None:
    client = bearer()
    ApiToken.objects.update(expiry=timezone.now())
    answer = client.get("/api/events")
    assert (answer.status_code, answer.json()) == (401, {"detail": "This token has expired."})
    assert ApiToken.objects.exists()


def test_a_token_of_an_inactive_user_is_401(bearer: Bearer) -> None:
    assert bearer(is_active=False).get("/api/events").status_code == 401


def test_one_query_finds_the_token_among_many(
    bearer: Bearer, django_assert_num_queries: Any
) -> None:
    client = bearer()
    user = User.objects.get()
    for _ in range(5):
        ApiToken.objects.create(user, expiry=timedelta(days=-1))
    # It, its user, and what they may do by themselves and by their groups.
    with django_assert_num_queries(1):
        assert client.get("/api/events/catalog").status_code == 200


LOSSES: dict[str, tuple[Callable[[], Any], int]] = {
    "the token was revoked": (lambda: ApiToken.objects.all().delete(), 401),
    "the token expired": (lambda: ApiToken.objects.update(expiry=timezone.now()), 401),
    "the user was deactivated": (lambda: User.objects.update(is_active=False), 401),
    "the group was left": (lambda: User.objects.get().groups.clear(), 403),
    "the group lost the permission": (
        lambda: Group.objects.get(name="Event viewers").permissions.clear(),
        403,
    ),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_felt_at_the_next_request(bearer: Bearer, loss: str) -> None:
    client = bearer(group="Event viewers")
    assert client.get("/api/events").status_code == 200
    lose, status = LOSSES[loss]
    lose()
    assert client.get("/api/events").status_code == status


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("is_active", [False, True])
def test_a_token_allows_what_django_allows_its_user(is_active: bool, is_superuser: bool) -> None:
    user = User.objects.create_user("ada", is_active=is_active, is_superuser=is_superuser)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="add_"))
    user.groups.set(Group.objects.all())
    other = User.objects.create_user("bob")
    other.user_permissions.set(Permission.objects.filter(codename__startswith="delete_"))
    found = find_token(ApiToken.objects.create(user)[1])
    assert found is not None
    assert found == ApiToken.objects.get(user=user)
    asked = User.objects.get(username="ada")
    assert found.user == asked
    assert bool(asked.get_all_permissions()) == is_active
    in_a_session = User.objects.get(username="ada")
    read_permissions(in_a_session)
    for user in (found.user, in_a_session):
        assert user.get_all_permissions() == asked.get_all_permissions()
        for permission in ("events.view_systemevent", "auth.add_user", "auth.delete_user"):
            assert user.has_perm(permission) == asked.has_perm(permission)


def test_a_user_without_groups_may_not_read(bearer: Bearer) -> None:
    answer = bearer(group=None).get("/api/events")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "This needs the permission events.view_systemevent."}


def test_viewers_read_and_may_not_resolve(bearer: Bearer, event: SystemEvent) -> None:
    client = bearer(group="Event viewers")
    assert client.get(f"/api/events/{event.pk}").status_code == 200
    for action in ("resolve", "reopen"):
        answer = post(client, f"/api/events/{event.pk}/{action}")
        assert answer.status_code == 403
        assert "events.resolve_systemevent" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("kind", "resolver"), [("person", "human"), ("agent", "llm_agent"), ("service", "auto")]
)
def test_the_kind_of_a_token_decides_who_resolved(
    bearer: Bearer, event: SystemEvent, kind: str, resolver: str
) -> None:
    client = bearer(kind=kind)
    answer = post(
        client,
        f"/api/events/{event.pk}/resolve",
        {"resolved_by": resolver, "reason": "by hand"},
    )
    assert answer.status_code == 200
    assert (answer.json()["resolved"], answer.json()["resolved_by"]) == (True, resolver)
    (action,) = EventAction.objects.about(event.pk)
    assert (action.actor, action.actor_kind) == ("ada", resolver)
    assert (action.face, action.reason) == ("api", "by hand")


def test_who_may_resolve_but_not_view_is_shown_no_event(bearer: Bearer, event: SystemEvent) -> None:
    resolver = bearer(group=None)
    permission = Permission.objects.get(codename="resolve_systemevent")
    User.objects.get(username="ada").user_permissions.add(permission)
    answer = post(resolver, f"/api/events/{event.pk}/resolve")
    assert answer.status_code == 403
    assert answer.json() == {"detail": "This needs the permission events.view_systemevent."}
    assert not EventAction.objects.exists()


def test_claiming_another_kind_is_403(bearer: Bearer, event: SystemEvent) -> None:
    client = bearer(kind="agent")
    answer = post(client, f"/api/events/{event.pk}/resolve", {"resolved_by": "human"})
    assert answer.status_code == 403
    detail = "This credential acts as llm_agent; it can't act as human."
    assert answer.json() == {"detail": detail}
    event.refresh_from_db()
    assert event.resolved is False


def test_a_session_is_a_person_and_needs_the_csrf_token(
    admin_user: User, event: SystemEvent
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    refused = post(client, f"/api/events/{event.pk}/resolve")
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("CSRF Failed")

    token = client.get("/api/docs?script=").cookies["csrftoken"].value
    answer = post(client, f"/api/events/{event.pk}/resolve", headers={"x-csrftoken": token})
    assert answer.status_code == 200
    assert answer.json()["resolved_by"] == "human"


def test_a_token_needs_no_csrf_token(bearer: Bearer, event: SystemEvent) -> None:
    client = bearer()
    client.handler.enforce_csrf_checks = True
    assert post(client, f"/api/events/{event.pk}/resolve").status_code == 200


def create_token(*arguments: str) -> str:
    output = StringIO()
    call_command("create_api_token", *arguments, stdout=output)
    return output.getvalue()


def test_the_command_prints_a_token_alone_that_works(admin_user: User) -> None:
    printed = create_token(admin_user.username)
    token = printed.removesuffix("\n")
    assert token.isalnum()
    answer = Client(headers={"authorization": f"Token {token}"}).get("/api/events")
    assert answer.status_code == 200
    made = ApiToken.objects.get()
    assert made.kind == "person"
    assert made.expiry is not None
    assert timedelta(days=364) < made.expiry - timezone.now() < timedelta(days=366)


def test_the_command_takes_a_kind_and_a_lifetime(admin_user: User) -> None:
    create_token(admin_user.username, "--kind", "agent", "--days", "1")
    made = ApiToken.objects.get(kind="agent")
    assert made.expiry is not None
    assert made.expiry - timezone.now() < timedelta(days=1)
    create_token(admin_user.username, "--kind", "service", "--no-expiry")
    assert ApiToken.objects.get(kind="service").expiry is None


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nobody"], "There is no user 'nobody'"),
        (["idle"], "inactive"),
        (["idle", "--kind", "robot"], "invalid choice"),
        (["idle", "--days", "0"], "whole number"),
        (["idle", "--days", "1", "--no-expiry"], "not allowed with"),
    ],
)
def test_the_command_refuses(arguments: list[str], reason: str) -> None:
    User.objects.create_user("idle", is_active=False)
    with pytest.raises(CommandError, match=reason):
        create_token(*arguments)
    assert not ApiToken.objects.exists()
