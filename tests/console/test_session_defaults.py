"""What a database or a role sets for its sessions changes nothing that we read or do."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from emission import EVENT, ids, send
from patience import eventually

from events.models import EventAction, SystemEvent
from events.models.actor import Actor
from events.reading.time_limit import time_limit
from events.web.connection_pool import connect
from sovi import events
from sovi_events import client

pytestmark = pytest.mark.django_db(transaction=True)

DEFAULTS = {
    "default_transaction_isolation": "serializable",
    "datestyle": "German, DMY",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
}


@pytest.fixture(autouse=True)
def odd_defaults() -> Iterator[None]:
    """Let each session of the test begin with what no statement of ours is written for."""
    change = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {}', current_database()); END $$"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as usual:
        for name, value in DEFAULTS.items():
            usual.execute(change.format(f"SET {name} = ''{value}''").encode())
        connection.close()
        client.close()
        yield
        connection.close()
        client.close()
        usual.execute(change.format("RESET ALL").encode())


@pytest.fixture
def rest(admin_user: User) -> Client:
    browser = Client()
    browser.force_login(admin_user)
    return browser


def add(message: str = "m") -> int:
    event_id = events.emit("device", "error", "x", message)
    assert event_id
    return event_id


def test_the_library_reads_times() -> None:
    event_id = add()
    [row] = events.get_events(after_id=0)
    [same] = asyncio.run(events.async_get_events())
    assert row == same
    assert row["timestamp"] == SystemEvent.objects.get(pk=event_id).timestamp


def test_so_do_the_pages_rest_and_the_streams_connections(rest: Client) -> None:
    add()
    [row] = rest.get("/api/events").json()["results"]
    assert row["timestamp"].endswith("Z")
    assert ids(send(rest, EVENT, "key")) == ids(send(rest, EVENT, "key"))
    assert rest.get("/admin/events/systemevent/").status_code == 200

    async def read() -> datetime:
        async with await connect("sovi test") as opened:
            found = await opened.execute("SELECT timestamp FROM system_events ORDER BY id LIMIT 1")
            [(timestamp,)] = await found.fetchall()
            return timestamp

    assert asyncio.run(read()) == datetime.fromisoformat(row["timestamp"])


def test_within_a_transaction_each_statement_sees_what_was_committed_before_it() -> None:
    with time_limit():
        assert not SystemEvent.objects.exists()
        add()
        assert SystemEvent.objects.exists()


def resolve_by_library(event_id: int, rest: Client) -> bool:
    return events.resolve(event_id, "auto")


def resolve_by_twin(event_id: int, rest: Client) -> bool:
    return asyncio.run(events.async_resolve(event_id, "auto"))


def resolve_by_rest(event_id: int, rest: Client) -> bool:
    try:
        answer = rest.post(f"/api/events/{event_id}/resolve", {}, content_type="application/json")
    finally:
        connection.close()
    assert answer.status_code == 200, answer.content
    return True


def resolve_by_model(event_id: int, rest: Client) -> bool:
    ada = Actor("ada", "human", EventAction.Face.COMMAND)
    try:
        return bool(SystemEvent.objects.filter(pk=event_id).resolve(by=ada))
    finally:
        connection.close()


WAITING = """
SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.mark.parametrize(
    "resolve", [resolve_by_library, resolve_by_twin, resolve_by_rest, resolve_by_model]
)
def test_who_acts_beside_another_waits_and_is_not_refused(
    rest: Client, resolve: Callable[[int, Client], bool]
) -> None:
    event_id = add()
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(resolve(event_id, rest)))
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("UPDATE system_events SET message = 'changed'")
        thread.start()
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as looking:
            eventually(lambda: done or looking.execute(WAITING).fetchone(), "nobody waits", 10)
        other.commit()
        thread.join()
    assert done == [True]
    assert SystemEvent.objects.get().resolved
