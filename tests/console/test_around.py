"""What an event's page shows of the minutes around it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from admin_rows import LIST, add, text_of
from django.test import Client
from django.utils import timezone

from events.admin import neighbours as around_module
from events.admin.neighbours import around
from events.models import Account, Device, SystemEvent

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_it_holds_the_minutes_before_and_after_on_the_same_device_or_account() -> None:
    device, other_device = (Device.objects.create(name=name) for name in "ab")
    account = Account.objects.create(platform="tiktok", username="grind4829")
    about: dict[str, Any] = {"device": device, "account": account}
    add(timestamp=at(-11), device=device)
    before = add(timestamp=at(-10), device=device)
    both = add(timestamp=at(-1), device=device, account=account)
    event = add(timestamp=at(0), **about)
    add(timestamp=at(1), device=other_device)
    add(timestamp=at(1))
    after = add(timestamp=at(2), account=account, device=other_device)
    add(timestamp=at(10.1), account=account)
    assert around(event) == [after, event, both, before]


def test_an_event_about_nobody_has_no_neighbours() -> None:
    event = add()
    add()
    assert around(event) == [event]


def test_the_nearest_are_read_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(around_module, "NEIGHBOURS", 2)
    device = Device.objects.create(name="iPhone-A")
    events = [add(timestamp=at(0), device=device) for _ in range(9)]
    assert around(events[4]) == events[2:7][::-1]


def test_the_page_marks_the_event_among_its_neighbours(admin_client: Client) -> None:
    device = Device.objects.create(name="iPhone-A")
    first, event = add("First", device=device), add("Second", device=device)
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/"))
    assert page.count('<tr aria-current="true">') == 1
    assert f'href="{LIST}{first.pk}/change/"' in page
    SystemEvent.objects.filter(pk=first.pk).delete()
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/"))
    assert "Nothing else happened there." in page
