"""Rows to look at in the admin, and what a list shows of them."""

import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client

from events.models import Account, Device, SystemEvent

LIST = "/admin/events/systemevent/"


def add(message: str = "Hello", **columns: Any) -> SystemEvent:
    given = {"category": "scheduler", "severity": "info", "event_type": "warming_started"}
    return SystemEvent.objects.create(message=message, **{**given, **columns})


def add_many(count: int, **columns: Any) -> list[SystemEvent]:
    device = Device.objects.create(name="iPhone-A")
    account = Account.objects.create(platform="tiktok", username="grind4829")
    return [
        add(f"Message {number}", device=device, account=account, **columns)
        for number in range(count)
    ]


def text_of(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def ids_shown(client: Client, query: str = "") -> list[int]:
    """The ids of the rows of the list, in order."""
    page = text_of(client.get(f"{LIST}{query}"))
    return [int(pk) for pk in re.findall(rf'href="{LIST}(\d+)/change/', page)]


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def staff_in(group: str, username: str = "operator") -> Client:
    user = User.objects.create_user(username, password="x", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client


def act(
    client: Client, action: str, events: list[SystemEvent], query: str = "", **data: Any
) -> Any:
    """Submit the list's form as a browser does."""
    given = {"action": action, "index": "0", "select_across": "0", "reason": ""}
    selected = [str(event.pk) for event in events]
    form = {**given, "_selected_action": selected, **data}
    return client.post(f"{LIST}{query}", form, follow=True)
