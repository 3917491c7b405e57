"""What keeps followers from seeing every event is told, by the check and in the log."""

import asyncio
import subprocess
import sys

import psycopg
import pytest
from cluster import a_cluster
from django.core.checks import Warning
from streaming import ROOT, Collector, a_client, a_hub, collecting, insert, until, writer

from events import prerequisites
from events.checks import check_database

pytestmark = pytest.mark.django_db(transaction=True)


def checked() -> list[tuple[str, str]]:
    found = check_database(None, ["default"])
    assert all(isinstance(it, Warning) for it in found)
    return [(str(it.id), str(it.hint)) for it in found]


def test_where_nothing_is_in_the_way_nothing_is_told() -> None:
    assert checked() == []


def test_a_sequence_with_a_cache_is_told_with_the_statement_to_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def follow() -> None:
        async with a_hub() as hub, collecting(hub):
            pass

    with writer(autocommit=True) as connection:
        connection.execute("ALTER SEQUENCE system_events_id_seq CACHE 20")
        [(check, hint)] = checked()
        assert check == "events.W002"
        asyncio.run(follow())
        assert hint in caplog.text
        connection.execute(hint.removeprefix("Run ").removesuffix("."))
    assert checked() == []


def test_a_prepared_transaction_left_behind_is_told_with_the_statement_to_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow(connection: psycopg.Connection, event_id: int, statement: str) -> None:
        async with a_hub() as hub, collecting(hub, token=str(event_id - 1)) as one:
            await until(lambda: statement in caplog.text)
            connection.execute(statement)
            await until(lambda: one.ids == [event_id + 1, event_id])

    with writer(autocommit=True) as connection:
        connection.execute("BEGIN")
        event_id = insert(connection)
        connection.execute("PREPARE TRANSACTION 'left ''behind'''")
        insert(connection)
        assert checked() == []  # one that is a minute old may yet have its turn
        monkeypatch.setattr(
            prerequisites, "FIND", prerequisites.FIND.replace("1 minute", "0 seconds")
        )
        [(check, hint)] = checked()
        assert check == "events.W003"
        commit = hint.removeprefix("Run ").partition(" or ")[0]
        asyncio.run(follow(connection, event_id, commit))
    assert checked() == []


@pytest.mark.kills
def test_a_standby_is_told_with_what_to_set(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def follow() -> None:
        async with a_hub() as hub:
            waiting = asyncio.create_task(Collector(a_client(hub)).run())
            await until(lambda: "target_session_attrs=read-write" in caplog.text)
            assert not waiting.done()
            waiting.cancel()

    with a_cluster() as cluster:
        cluster.become_standby()
        monkeypatch.setenv("DATABASE_URL", cluster.url)
        asyncio.run(follow())
        told = subprocess.run(
            [sys.executable, "manage.py", "check", "--database", "default"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert told.returncode == 0
    assert "events.W001" in told.stderr
    assert "target_session_attrs=read-write" in told.stderr
