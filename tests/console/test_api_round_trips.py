"""How often a request waits for PostgreSQL: once for its credential, once for what it asks."""

import json

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from emission import EVENT

from events.models import ApiToken, SystemEvent

# Statements that a test's own transaction would hide: BEGIN and COMMIT count, too.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bearer() -> Client:
    user = User.objects.create_user("ada")
    user.groups.set(Group.objects.all())
    return Client(headers={"authorization": f"Token {ApiToken.objects.create(user)[1]}"})


def sent(client: Client, method: str, path: str, status: int, **options: object) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        answer = client.generic(method, path, content_type="application/json", **options)
    assert answer.status_code == status, answer.content
    return [entry["sql"] for entry in captured]


@pytest.mark.parametrize(
    ("path", "round_trips"),
    [
        ("/api/events", 2),
        ("/api/events?limit=1", 2),
        ("/api/events?severity=error,critical&resolved=false", 2),
        ("/api/events?q=lost+severity:error&context={}", 2),
        ("/api/events/unresolved", 2),
        ("/api/events/{id}", 2),
        ("/api/events/catalog", 1),
    ],
)
def test_reading(bearer: Client, path: str, round_trips: int) -> None:
    events = [SystemEvent.objects.create(**EVENT) for _ in range(3)]
    asked = sent(bearer, "GET", path.replace("{id}", str(events[0].pk)), 200)
    assert len(asked) == round_trips, asked


def test_reading_in_a_session(bearer: Client) -> None:
    client = Client()
    client.force_login(User.objects.get())
    # The session, its user, what they may do.
    asked = sent(client, "GET", "/api/events", 200)
    assert len(asked) == 4, asked


@pytest.mark.parametrize("count", [1, 100])
def test_storing(bearer: Client, count: int) -> None:
    asked = sent(bearer, "POST", "/api/events", 201, data=json.dumps([EVENT] * count))
    assert len(asked) == 2, asked
    assert SystemEvent.objects.count() == count


def test_storing_under_a_key_is_one_transaction_more(bearer: Client) -> None:
    options = {"data": json.dumps(EVENT), "headers": {"Idempotency-Key": "once"}}
    asked = sent(bearer, "POST", "/api/events", 201, **options)
    # The credential, the receipt of before; BEGIN, the event, its receipt, COMMIT.
    assert len(asked) == 6, asked
    asked = sent(bearer, "POST", "/api/events", 201, **options)
    assert len(asked) == 2, asked
    assert SystemEvent.objects.count() == 1


@pytest.mark.parametrize("resolved", [False, True])
def test_resolving(bearer: Client, resolved: bool) -> None:
    event = SystemEvent.objects.create(**EVENT, resolved=resolved)
    # The credential, what resolves it, what reads it.
    asked = sent(bearer, "POST", f"/api/events/{event.pk}/resolve", 200)
    assert len(asked) == 3, asked
