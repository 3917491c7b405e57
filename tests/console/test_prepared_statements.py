"""Statements that are run again and again on one connection: none ends in a plan for any values."""

import asyncio
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any, NamedTuple

import psycopg
import pytest
from django.http import QueryDict
from django.test import Client

from bench import mixture
from bench.fill import account_id, device_id, fill
from events.export import pages
from events.export.formats import NDJSON
from events.export.pages import IdRange
from events.filters.query_string import read_query
from events.models import SystemEvent
from events.reading.raw_sql import read_rows
from events.stream import catch_up
from events.stream.resume_token import NOWHERE, ResumeToken
from events.stream.selection import Selection, matching
from events.stream.table_reader import Source, read_holders
from events.stream.topics import TOPICS
from events.stream.watch import Watch
from events.web.connection_pool import Readers, connect
from sovi import events as library
from sovi_events import client, connection, database
from sovi_events.following.position import Position
from sovi_events.record import MANY, Record
from sovi_events.writing import insert
from sovi_events.writing.batch import Batch

ROWS = 60_000
TIMES = 10
LARGE = {"system_events", "event_actions", "event_receipts"}

ASKED: list[dict[str, Any]] = [
    {},
    {"severity": "critical"},
    {"severity": "info"},
    {"resolved": False},
    {"resolved": True},
    {"category": "auth", "severity": ["error", "critical"]},
    {"event_type": mixture.RARE_TYPE},
    {"event_type": "warming_started", "resolved": False},
    {"device_id": device_id(mixture.SILENT_DEVICE)},
    {"device_id": device_id(3), "severity": "critical"},
    {"account_id": account_id(3)},
]
"""Of values that few rows have, and that most have: one plan can't serve both."""


@pytest.fixture(scope="module", autouse=True)
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fill the tables for this module."""
    url = database.connection_string()
    with django_db_blocker.unblock():
        with psycopg.connect(url, autocommit=True) as filling:
            filling.execute(EMPTY)  # ids begin at 1, whatever tests were before
            fill(url, ROWS, quiet=True)
            filling.execute(MAKE_ACTIONS, [ROWS])
            filling.execute(MAKE_RECEIPTS, [ROWS])
            filling.execute("VACUUM ANALYZE event_actions, event_receipts")
        yield
        client.close()
        with psycopg.connect(url, autocommit=True) as emptied:
            emptied.execute(EMPTY)
            emptied.execute(f"ANALYZE {TABLES}".encode())


TABLES = "system_events, devices, accounts, event_actions, event_receipts"
EMPTY = f"TRUNCATE {TABLES} RESTART IDENTITY".encode()
MAKE_ACTIONS = """
INSERT INTO event_actions (action, actor, actor_kind, face, operation, events)
SELECT 'resolve', 'ada', 'human', 'api', gen_random_uuid(), int8multirange(int8range(n, n + 1))
FROM generate_series(1, %s) AS n
"""
MAKE_RECEIPTS = """
INSERT INTO event_receipts (id, event_ids)
SELECT ('ffffffff-ffff-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
       int8multirange(int8range(n, n + 1))
FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def opened(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every connection that the test opens, besides Django's."""
    found: list[Any] = []
    really, async_really = psycopg.Connection.connect, psycopg.AsyncConnection.connect

    def connect(cls: Any, *args: Any, **options: Any) -> Any:
        found.append(really.__func__(cls, *args, **options))  # type: ignore[attr-defined]
        return found[-1]

    async def async_connect(cls: Any, *args: Any, **options: Any) -> Any:
        found.append(await async_really.__func__(cls, *args, **options))  # type: ignore[attr-defined]
        return found[-1]

    monkeypatch.setattr(psycopg.Connection, "connect", classmethod(connect))
    monkeypatch.setattr(psycopg.AsyncConnection, "connect", classmethod(async_connect))
    monkeypatch.setattr(psycopg, "connect", psycopg.Connection.connect)
    client.close()  # what it had before is not seen
    yield found
    client.close()
    for session in found:
        session.pgconn.finish()


@pytest.mark.parametrize("after_id", [None, ROWS // 2])
def test_a_query_of_the_library_is_planned_for_its_own_values(
    opened: list[Any], after_id: int | None
) -> None:
    for asked in ASKED:
        for _ in range(TIMES):
            assert library.get_events(**asked, after_id=after_id) is not None
    [session] = opened
    assert not any(it.has_parameters for it in prepared(session))


@pytest.mark.parametrize("after_id", [None, ROWS // 2])
def test_so_is_one_of_an_event_loop(opened: list[Any], after_id: int | None) -> None:
    async def scenario() -> None:
        for asked in ASKED:
            for _ in range(TIMES):
                await library.async_get_events(**asked, after_id=after_id)
        [session] = opened
        assert not any(it.has_parameters for it in prepared(session))

    asyncio.run(scenario())


def test_what_the_library_does_to_an_event_finds_it_by_its_id(opened: list[Any]) -> None:
    for event_id in range(1, TIMES + 1):
        for act in (library.resolve, library.reopen, library.resolve):
            assert act(event_id)
    [session] = opened
    assert_found_by_index(session)


def test_what_the_writer_runs_finds_its_rows_by_their_ids(opened: list[Any]) -> None:
    record = Record.of("device", "info", "app_installed", "One")
    with closing(connection.bounded("sovi.events test", 60, prepare=True)) as link:
        for _ in range(TIMES):
            for records in ([record], [record] * 2, [record] * MANY):
                stored = batch(records)
                assert insert.store(link, [stored], deadline=link.deadline)
            assert insert.store(link, [stored], deadline=link.deadline)
            assert not insert.is_split(link, stored)
            assert insert.store(link, [batch([ELSEWHERE])], deadline=link.deadline)
            assert insert.prune_receipts(link, deadline=link.deadline) == 0
        assert_found_by_index(link)


def test_what_the_follower_of_the_streams_runs_finds_its_rows_by_their_ids(db: None) -> None:
    selections = [selection({"severity": "critical"}), selection({"device_id": device_id(3)})]

    async def scenario() -> None:
        session = await connect("sovi test hub")
        sources = [await Source.begin(topic, session) for topic in TOPICS]
        for _ in range(TIMES):
            await Watch().look(session)
            await read_holders(session)
            for source in sources:
                assert not await source.is_void(session)
                source.tracker.high -= 100
                assert (await source.read(session)).contents
            for topic in TOPICS:
                await Source.begin(topic, session)
                await matching(session, topic, selections, range(1, 500))
        assert_found_by_index(session)
        await session.close()

    asyncio.run(scenario())


def test_what_a_stream_lacks_and_an_export_find_their_rows_by_their_ids(
    opened: list[Any],
) -> None:
    critical = read_query(as_query({"severity": "critical"})).event_filter
    events = SystemEvent.objects.matching(critical)
    last = ResumeToken(Position(ROWS), Position(ROWS))

    async def scenario() -> None:
        readers = Readers()
        for asked in (None, Selection(critical)):
            async with aclosing(catch_up.read_pages(readers, NOWHERE, last, asked)) as reading:
                for _ in range(TIMES):
                    await anext(reading)
            for _ in range(TIMES):
                await catch_up.read_backlog(readers, last.events, 100, asked)
                await catch_up.read_last_ids(readers)
        extent = IdRange(ROWS // 2, ROWS, TIMES)
        for _ in range(TIMES):
            assert [line async for line in pages.read(events, extent, NDJSON(), b"")]
        assert opened
        for session in opened:
            if not session.closed:
                assert_found_by_index(session)
        await readers.close()

    asyncio.run(scenario())


def test_what_django_asks_is_never_prepared(admin_client: Client) -> None:
    for path in ("/api/events?severity=critical", "/admin/events/systemevent/?severity=info"):
        for _ in range(TIMES):
            assert admin_client.get(path).status_code == 200
    assert read_rows("SELECT name FROM pg_prepared_statements") == []


ELSEWHERE = Record.of("device", "info", "app_installed", "One", device_id=uuid.uuid4())


def batch(records: list[Record]) -> Batch:
    return Batch(records, [time.time()] * len(records))


def as_query(filters: dict[str, str]) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(filters)
    return query


def selection(filters: dict[str, str]) -> Selection:
    return Selection(read_query(as_query(filters)).event_filter)


class Prepared(NamedTuple):
    """A statement that a connection has prepared, with its plan for any values."""

    text: str
    has_parameters: bool
    plan: dict[str, Any]


PREPARED = """
SELECT name, statement, cardinality(parameter_types) FROM pg_prepared_statements
"""


def prepared(session: psycopg.BaseConnection[Any]) -> list[Prepared]:
    """Return what it has prepared. Nothing else should be asked of it afterwards."""
    statements = ask(session, PREPARED)
    ask(session, "SET plan_cache_mode = force_generic_plan")
    found = []
    for name, text, parameters in statements:
        values = f"({', '.join(['NULL'] * int(parameters))})" if int(parameters) else ""
        [[plan]] = ask(session, f'EXPLAIN (FORMAT JSON) EXECUTE "{name}"{values}')
        found.append(Prepared(text, int(parameters) > 0, json.loads(plan)[0]))
    return found


def ask(session: psycopg.BaseConnection[Any], statement: str) -> list[list[str]]:
    """Ask past psycopg, which would prepare this as well; of an event loop's connection alike."""
    answer = session.pgconn.exec_(statement.encode())
    assert not answer.error_message, answer.error_message
    columns = range(answer.nfields)
    return [
        [(answer.get_value(row, column) or b"").decode() for column in columns]
        for row in range(answer.ntuples)
    ]


def assert_found_by_index(session: psycopg.BaseConnection[Any]) -> None:
    """Whatever the values are: each plan for any of them goes straight to its rows."""
    statements = [it for it in prepared(session) if it.has_parameters]
    assert statements
    for statement in statements:
        for node in nodes(statement.plan["Plan"]):
            if node.get("Relation Name") in LARGE and node["Node Type"] != "ModifyTable":
                assert "Index Cond" in node or "Recheck Cond" in node, (statement.text, node)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
