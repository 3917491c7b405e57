"""Rows that other programs may write and Python has no value for are shown, and hide no others."""

import asyncio
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from streaming import a_hub, collecting, until

from events.models import Device, SystemEvent
from sovi import events
from sovi_events import database
from sovi_events.following.position import MAX_ID

BEYOND_FLOAT = "'{\"n\": ' || repeat('9', 400) || '.5}'"
ODD = {
    "timestamp": [
        "'infinity'",
        "'-infinity'",
        "'12000-01-01 00:00:00+00'",
        "'4713-01-01 00:00:00+00 BC'",
        "'9999-12-31 23:59:59+00'",
        "'0001-01-01 00:00:01+00'",
    ],
    "context": [
        "repeat('[', 3000)::text || repeat(']', 3000)",
        "repeat('[', 300)::text || repeat(']', 300)",
        "'{\"n\": ' || repeat('9', 5000) || '}'",
        BEYOND_FLOAT,
        "'[1, 2]'",
        "'\"text\"'",
        "'null'",
    ],
}
CASES = [(column, value) for column, values in ODD.items() for value in values]


@pytest.fixture
def odd_ids(transactional_db: None) -> list[int]:
    with psycopg.connect(**database.parameters(), autocommit=True) as connection:
        return [
            connection.execute(
                f"""INSERT INTO system_events (category, severity, event_type, message, {column})
                    VALUES ('device', 'info', 'odd', 'odd', ({value})::{kind}) RETURNING id"""
            ).fetchone()[0]  # type: ignore[index]
            for column, value in CASES
            for kind in ("timestamptz" if column == "timestamp" else "jsonb",)
        ]


def test_rest_and_the_library_show_them_alike(odd_ids: list[int], admin_client: Client) -> None:
    shown = admin_client.get("/api/events?limit=100").json()["results"]
    assert [event["id"] for event in reversed(shown)] == odd_ids
    assert [row["id"] for row in reversed(events.get_events())] == odd_ids
    by_case = dict(zip(CASES, reversed(shown), strict=True))
    assert by_case[("timestamp", "'infinity'")]["timestamp"].startswith("9999-12-31T")
    assert by_case[("timestamp", "'4713-01-01 00:00:00+00 BC'")]["timestamp"].startswith("0001-")
    assert by_case[("context", BEYOND_FLOAT)]["context"] == {"n": "inf"}
    assert by_case[("context", "'[1, 2]'")]["context"] == [1, 2]


def test_the_stream_sends_what_rest_answers(odd_ids: list[int], admin_client: Client) -> None:
    async def scenario() -> list[object]:
        async with a_hub() as hub, collecting(hub, token="0") as one:
            await until(lambda: len(one.ids) == len(odd_ids))
            return [message.json for message in one.events]

    shown = admin_client.get("/api/events?limit=100").json()["results"]
    assert asyncio.run(scenario()) == list(reversed(shown))


def test_the_admin_lists_them_and_shows_each(odd_ids: list[int], admin_client: Client) -> None:
    assert admin_client.get("/admin/events/systemevent/").status_code == 200
    for event_id in odd_ids:
        page = admin_client.get(f"/admin/events/systemevent/{event_id}/change/", follow=True)
        assert page.status_code == 200, event_id


def test_the_problems_and_the_timeline_stand_them(odd_ids: list[int], admin_client: Client) -> None:
    device = Device.objects.create(name="iPhone-A")
    SystemEvent.objects.filter(pk__in=odd_ids).update(device=device, severity="error")
    page = admin_client.get("/admin/events/problems/")
    assert f"Resolve {len(odd_ids)} events" in page.content.decode()
    for event_id in odd_ids:
        page = admin_client.get(f"/admin/events/systemevent/{event_id}/change/")
        assert "Timeline of this device" in page.content.decode(), event_id
    for end in ("", "&until=9001-01-01", "&until=0001-01-01", "&until=2026-01-01"):
        page = admin_client.get(f"/admin/events/timeline/?device={device.pk}{end}")
        assert page.status_code == 200, end


def test_the_last_id_there_is_can_be_resolved_and_is_shown_everywhere(admin_client: Client) -> None:
    last = SystemEvent.objects.create(
        pk=MAX_ID, category="device", severity="info", event_type="odd", message="odd"
    )
    answer = admin_client.post(
        f"/api/events/{last.pk}/resolve", {}, content_type="application/json"
    )
    assert answer.status_code == 200
    assert answer.json()["resolved"] is True
    history = admin_client.get("/admin/events/eventaction/")
    assert f"#{MAX_ID}" in history.content.decode()
    assert admin_client.get(f"/admin/events/systemevent/{MAX_ID}/change/").status_code == 200


def test_an_account_without_a_name_is_shown_by_its_id(admin_client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts ALTER username DROP NOT NULL")
        cursor.execute(
            "INSERT INTO accounts (id, platform, username)"
            " VALUES (gen_random_uuid(), 'tiktok', NULL) RETURNING id"
        )
        (account_id,) = cursor.fetchone()
    SystemEvent.objects.create(
        category="auth", severity="info", event_type="x", message="x", account_id=account_id
    )
    for page in ("account", "systemevent"):
        shown = admin_client.get(f"/admin/events/{page}/")
        assert shown.status_code == 200
        assert str(account_id) in shown.content.decode()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_every_page_shows_them_in_any_time_zone(
    odd_ids: list[int], admin_client: Client, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    device = Device.objects.create(name="iPhone-A")
    SystemEvent.objects.update(device=device, severity="error", resolved_at=F("timestamp"))
    pages = ["", "events/systemevent/", "events/problems/", f"events/timeline/?device={device.pk}"]
    pages += [f"events/device/{device.pk}/change/"]
    pages += [f"events/systemevent/{event_id}/change/" for event_id in odd_ids]
    for page in pages:
        assert admin_client.get(f"/admin/{page}").status_code == 200, page


def test_they_can_be_resolved(odd_ids: list[int]) -> None:
    assert all(events.resolve(event_id, "human") for event_id in odd_ids)
    assert not SystemEvent.objects.unresolved().exists()
