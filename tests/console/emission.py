"""Sending events over REST in tests."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from events.models import ApiToken, SystemEvent

EVENT = {
    "category": "device",
    "severity": "critical",
    "event_type": "device_disconnected",
    "message": "iPhone-A: no answer",
}


def a_producer(name: str = "ada") -> User:
    user = User.objects.create_user(name)
    user.groups.add(Group.objects.get(name="Event producers"))
    return user


def a_client(user: User) -> Client:
    """A client with a new token of the user."""
    _, text = ApiToken.objects.create(user)
    return Client(headers={"authorization": f"Token {text}"})


def numbered(count: int) -> list[dict[str, Any]]:
    return [EVENT | {"message": str(number)} for number in range(count)]


def send(client: Client, body: Any, key: str | None = None) -> Any:
    headers = {} if key is None else {"idempotency-key": key}
    return client.post("/api/events", body, content_type="application/json", headers=headers)


def ids(answer: Any) -> list[int]:
    """The ids of an answer, which says nothing else."""
    assert answer.status_code == 201, answer.content
    assert list(answer.json()) == ["ids"]
    return list(answer.json()["ids"])


def stored() -> list[int]:
    return list(SystemEvent.objects.order_by("pk").values_list("pk", flat=True))


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
