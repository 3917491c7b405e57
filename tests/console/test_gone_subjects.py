"""Devices and accounts whose rows are gone, where the events' table has no foreign keys."""

import uuid

import pytest
from django.db import connection
from django.test import Client

from events.models import SystemEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone() -> dict[str, uuid.UUID]:
    subjects = {"device": uuid.uuid4(), "account": uuid.uuid4()}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid = 'system_events'::regclass"
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE system_events DROP CONSTRAINT {name}")
    SystemEvent.objects.create(
        category="device",
        severity="error",
        event_type="device_disconnected",
        message="of a device that is gone",
        **{f"{name}_id": pk for name, pk in subjects.items()},
    )
    return subjects


def test_every_page_shows_their_ids(admin_client: Client, gone: dict[str, uuid.UUID]) -> None:
    event = SystemEvent.objects.get()
    pages = ["", "events/systemevent/", "events/problems/", "events/live/"]
    pages += [f"events/systemevent/{event.pk}/change/"]
    for address in pages:
        answer = admin_client.get(f"/admin/{address}")
        assert answer.status_code == 200
        page = answer.content.decode()
        assert ">None<" not in page, address
        assert address == "events/live/" or all(str(pk) in page for pk in gone.values()), address


@pytest.mark.parametrize("name", ["device", "account"])
def test_what_they_are_linked_to_works(
    admin_client: Client, gone: dict[str, uuid.UUID], name: str
) -> None:
    pk = gone[name]
    for address in (
        f"systemevent/?{name}={pk}",
        f"systemevent/?q={name}:{pk}",
        f"timeline/?{name}={pk}&range=1h",
        f"{name}/{pk}/change/",
    ):
        page = admin_client.get(f"/admin/events/{address}")
        assert page.status_code == 200, address
        text = page.content.decode()
        assert str(pk) in text, address
        assert "device_disconnected" in text, address
    assert admin_client.get(f"/api/events?{name}_id={pk}").json()["results"]
    assert admin_client.get(f"/admin/events/{name}/{uuid.uuid4()}/change/").status_code == 302
