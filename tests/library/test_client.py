"""Emit as producers do it: from threads, event loops and forks, on connections that get cut."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from patience import PATIENCE_SECONDS, eventually
from psycopg.rows import namedtuple_row

from events.models import Device, SystemEvent
from sovi import events
from sovi_events import client, database, storable

pytestmark = pytest.mark.django_db(transaction=True)

ARGUMENTS = ("scheduler", "info", "warming_complete", "Warmed")
GIVEN = dict(zip(("category", "severity", "event_type", "message"), ARGUMENTS, strict=True))


def sessions(like: str = "sovi.events%") -> list[int]:
    """Process ids of the library's sessions on this database."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as observer:
        found = observer.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND datname = current_database()",
            [like],
        )
        return [pid for (pid,) in found]


@pytest.fixture
def alone() -> None:
    """Start without the sessions of tests before, even those of loops not yet collected."""
    client.close()
    gc.collect()
    eventually(lambda: not sessions())


@pytest.fixture
def another_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Point the library to another DATABASE_URL; it reconnects before and after."""

    def use(url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        client.close()

    yield use
    monkeypatch.undo()
    client.close()


# -- What is stored -------------------------------------------------------------------------------


def test_the_specifications_call_stores_the_event_it_describes(
    library: Any, device_id: UUID, account_id: UUID
) -> None:
    context = {"platform": "tiktok", "videos_watched": 45, "duration_min": 30.2}
    event_id = library.emit(
        *ARGUMENTS, device_id=device_id, account_id=str(account_id), context=context
    )
    event = SystemEvent.objects.get()
    assert event.pk == event_id
    assert (event.category, event.severity, event.event_type, event.message) == ARGUMENTS
    assert (event.device_id, event.account_id, event.context) == (device_id, account_id, context)
    assert (event.resolved, event.resolved_by, event.resolved_at) == (False, None, None)


def test_without_options_the_columns_have_the_tables_defaults(library: Any) -> None:
    library.emit(*ARGUMENTS)
    library.emit_many([GIVEN])
    for event in SystemEvent.objects.all():
        assert (event.device_id, event.account_id) == (None, None)
        assert (event.context, event.resolved) == ({}, False)


def test_what_is_too_long_or_unstorable_is_stored_cut_and_marked(library: Any) -> None:
    given = {
        "category": "nul\x00",
        "severity": "info",
        "event_type": "half\ud83d",
        "message": "x" * 10_000,
        "context": {"log": "y" * 100_000, "at": float("nan"), "error": ValueError("no")},
    }
    ids = [library.emit(**given), *library.emit_many([given])]
    for event in SystemEvent.objects.filter(pk__in=ids):
        assert (event.category, event.event_type) == ("nul␀", "half\ufffd")
        assert event.message.endswith("x … [cut, 10000 bytes]")
        assert event.context["at"] == "nan"
        assert event.context["error"] == {"type": "ValueError", "message": "no"}
        assert event.context["log"].endswith("y … [cut, 100000 bytes]")
        assert event.context[storable.TRUNCATED_KEY].endswith("cut: log")


@pytest.mark.parametrize("many", [False, True], ids=["emit", "emit_many"])
def test_an_id_that_is_in_no_table_is_kept_in_the_context_and_a_known_one_stays(
    library: Any, device_id: UUID, account_id: UUID, many: bool
) -> None:
    unknown, other = uuid.uuid4(), uuid.uuid4()

    def stored(**options: Any) -> tuple[Any, Any, Any]:
        if many:
            _, event_id = library.emit_many([GIVEN, {**GIVEN, **options}])
        else:
            event_id = library.emit(**GIVEN, **options)
        event = SystemEvent.objects.get(pk=event_id)
        return event.device_id, event.account_id, event.context

    assert stored(device_id=unknown, account_id=account_id, context={"n": 1}) == (
        None,
        account_id,
        {"n": 1, "unknown_device_id": str(unknown)},
    )
    assert stored(device_id=device_id, account_id=str(unknown)) == (
        device_id,
        None,
        {"unknown_account_id": str(unknown)},
    )
    assert stored(device_id=unknown, account_id=other) == (
        None,
        None,
        {"unknown_device_id": str(unknown), "unknown_account_id": str(other)},
    )
    assert stored(device_id="iPhone-A", account_id=unknown, context={"n": 1}) == (
        None,
        None,
        {"n": 1, "unknown_device_id": "iPhone-A", "unknown_account_id": str(unknown)},
    )
    assert stored(device_id=device_id, account_id=account_id) == (device_id, account_id, {})
    assert stored(device_id=device_id, account_id="") == (device_id, None, {})


def test_emit_many_returns_its_ids_in_the_order_given(library: Any, device_id: UUID) -> None:
    unknown = uuid.uuid4()
    ids = library.emit_many(
        {**GIVEN, "message": f"{n}", "device_id": (None, device_id, unknown)[n % 3]}
        for n in range(5000)
    )
    assert ids == sorted(set(ids))
    messages = dict(SystemEvent.objects.values_list("pk", "message"))
    assert [messages[event_id] for event_id in ids] == [f"{n}" for n in range(5000)]
    assert SystemEvent.objects.filter(device_id=device_id).count() == 1667


def test_emit_many_stores_all_or_none(library: Any) -> None:
    with pytest.raises(events.InvalidEvent):
        library.emit_many([GIVEN, {**GIVEN, "severity": "bad"}])
    assert not SystemEvent.objects.exists()
    assert library.emit_many([]) == []
    assert library.emit_many(iter(())) == []


def test_flush_has_nothing_left_to_wait_for(library: Any) -> None:
    library.emit(*ARGUMENTS)
    assert library.flush() is True
    assert library.flush(timeout=0) is True


@pytest.mark.usefixtures("alone")
def test_any_text_is_stored_whatever_the_terminals_encoding_is(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    library.emit("auth", "info", "x", "😀 ␀")
    assert SystemEvent.objects.get().message == "😀 ␀"
    assert library.get_events()[0]["message"] == "😀 ␀"
    client.close()


# -- The caller's transactions --------------------------------------------------------------------


def test_an_event_outlives_the_callers_transaction_rolled_back(library: Any) -> None:
    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        Device.objects.create(name="iPhone-B")
        event_id = library.emit(*ARGUMENTS)
        raise Undone
    assert SystemEvent.objects.get().pk == event_id
    assert not Device.objects.exists()


def test_a_psycopg_transaction_of_the_caller_stays_as_it_is(library: Any) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as callers:
        callers.execute("INSERT INTO devices (name) VALUES ('iPhone-B')")
        event_id = library.emit(*ARGUMENTS)
        library.resolve(event_id)
        assert callers.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        callers.rollback()
    assert not Device.objects.exists()
    assert SystemEvent.objects.get(pk=event_id).resolved


def test_a_device_of_the_callers_open_transaction_is_not_known_yet(library: Any) -> None:
    with transaction.atomic():
        device = Device.objects.create(name="iPhone-B")
        event_id = library.emit(*ARGUMENTS, device_id=device.pk)
    event = SystemEvent.objects.get(pk=event_id)
    assert (event.device_id, event.context) == (None, {"unknown_device_id": str(device.pk)})


# -- Threads and event loops ----------------------------------------------------------------------


def test_eight_threads_emit_at_once_and_each_gets_its_own_ids() -> None:
    def emit(thread: int) -> list[tuple[int, str]]:
        return [
            (events.emit("scheduler", "info", "x", f"{thread}/{n}"), f"{thread}/{n}")
            for n in range(200)
        ]

    with ThreadPoolExecutor(8) as threads:
        returned = [pair for pairs in threads.map(emit, range(8)) for pair in pairs]
    assert len(returned) == 1600
    assert dict(returned) == dict(SystemEvent.objects.values_list("pk", "message"))


def test_tasks_of_one_loop_emit_and_read_at_once() -> None:
    async def main() -> dict[int, str]:
        texts = [f"{n}" for n in range(200)]
        ids, *_ = await asyncio.gather(
            asyncio.gather(*(events.async_emit("auth", "info", "x", text) for text in texts)),
            *(events.async_get_events(after_id=0) for _ in range(20)),
        )
        return dict(zip(ids, texts, strict=True))

    assert asyncio.run(main()) == dict(SystemEvent.objects.values_list("pk", "message"))


def test_the_sync_calls_work_in_a_running_loop_too() -> None:
    async def main() -> list[dict[str, Any]]:
        event_id = events.emit(*ARGUMENTS)
        events.emit_many([GIVEN])
        assert events.resolve(event_id)
        return events.get_events(after_id=0)

    assert [row["resolved"] for row in asyncio.run(main())] == [True, False]


@pytest.mark.usefixtures("alone")
def test_loops_one_after_the_other_leave_no_session_behind(
    recwarn: pytest.WarningsRecorder,
) -> None:
    async def main() -> None:
        # Waiting for each other, so that the loop is known to every lock on the way.
        await asyncio.gather(*(events.async_emit(*ARGUMENTS) for _ in range(5)))
        await events.async_get_unresolved()

    for _ in range(5):
        asyncio.run(main())
    gc.collect()
    client.close()
    eventually(lambda: not sessions())
    assert SystemEvent.objects.count() == 25
    assert not [str(warning.message) for warning in recwarn]


@pytest.mark.usefixtures("alone")
def test_loops_in_several_threads_read_on_a_session_each_emit_on_one_and_leave_none(
    recwarn: pytest.WarningsRecorder,
) -> None:
    together = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    async def main() -> tuple[int, int]:
        await asyncio.gather(*(events.async_emit(*ARGUMENTS) for _ in range(25)))
        await asyncio.gather(*(events.async_get_events() for _ in range(5)))
        await asyncio.to_thread(together.wait)
        seen = len(sessions("sovi.events")), len(sessions("sovi.events emit"))
        await asyncio.to_thread(together.wait)
        return seen

    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(lambda _: asyncio.run(main()), range(4)))
    assert seen == [(4, 1)] * 4
    gc.collect()
    client.close()
    eventually(lambda: not sessions())
    assert SystemEvent.objects.count() == 100
    assert not [str(warning.message) for warning in recwarn]


def test_a_cancelled_call_stores_its_event_all_the_same_and_the_next_call_works() -> None:
    async def main() -> int | None:
        with psycopg.connect(os.environ["DATABASE_URL"]) as blocker:
            blocker.execute("LOCK TABLE system_events IN EXCLUSIVE MODE")
            blocked = asyncio.create_task(events.async_emit("auth", "info", "blocked", "x"))
            queued = asyncio.create_task(events.async_emit("auth", "info", "queued", "x"))
            await asyncio.to_thread(eventually, somebody_waits)
            blocked.cancel()
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await blocked
        return await events.async_emit("auth", "info", "next", "x")

    assert asyncio.run(main())
    stored = SystemEvent.objects.order_by("pk").values_list("event_type", flat=True)
    assert list(stored) == ["blocked", "queued", "next"]


def test_a_cancelled_query_leaves_a_session_that_works() -> None:
    async def main() -> list[Any]:
        with psycopg.connect(os.environ["DATABASE_URL"]) as blocker:
            blocker.execute("LOCK TABLE system_events")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(events.async_get_events(), timeout=0.2)
            blocked = asyncio.create_task(events.async_get_events())
            queued = asyncio.create_task(events.async_get_events())
            await asyncio.sleep(0)
            queued.cancel()
        return await blocked

    assert asyncio.run(main()) == []


# -- Forks ----------------------------------------------------------------------------------------


def in_child(action: Callable[[], object], *, leave: Callable[[int], Any] = os._exit) -> int:
    """Run it in a forked process; return that process's id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        action()
        status = 0
    finally:
        leave(status)
    raise AssertionError("unreachable")


def ended_well(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_and_its_parent_both_go_on_with_a_session_each() -> None:
    events.emit("auth", "info", "parent", "before")

    def emit(who: str) -> None:
        for n in range(50):
            event_id = events.emit("auth", "info", who, f"{n}")
            (row,) = events.get_events(event_type=who, limit=1)
            assert (row["id"], row["message"]) == (event_id, f"{n}")

    children = [in_child(lambda who=f"child {n}": emit(who)) for n in range(3)]  # type: ignore[misc]
    emit("parent")
    assert [ended_well(child) for child in children] == [True] * 3
    assert SystemEvent.objects.count() == 201
    emit("parent")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_another_thread_is_in_a_call_does_not_hang_the_child() -> None:
    events.emit(*ARGUMENTS)
    with psycopg.connect(os.environ["DATABASE_URL"]) as blocker, ThreadPoolExecutor(1) as threads:
        blocker.execute("LOCK TABLE system_events IN EXCLUSIVE MODE")
        waiting = threads.submit(events.emit, *ARGUMENTS)
        eventually(somebody_waits)
        child = in_child(lambda: (signal.alarm(20), events.get_events(), events.emit(*ARGUMENTS)))
        assert ended_well(child)
        blocker.rollback()
        waiting.result(PATIENCE_SECONDS)
    assert events.flush(PATIENCE_SECONDS)
    assert SystemEvent.objects.count() == 3


FORK_AND_EXIT = """
import asyncio, os, sys, time
import psycopg
from sovi import events

ARGUMENTS = ("auth", "info", "x", "x")

def sessions():
    with psycopg.connect(os.environ["DATABASE_URL"]) as observer:
        found = observer.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name LIKE 'sovi.events%' AND datname = current_database()")
        return {pid for (pid,) in found}

loop = asyncio.new_event_loop()
loop.run_until_complete(events.async_emit(*ARGUMENTS))
events.emit(*ARGUMENTS)
events.get_events()
loop.run_until_complete(events.async_get_events())

before = sessions()
if child := os.fork():
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # The very sessions: one that had to be opened anew would hide what the child did.
    (row,) = loop.run_until_complete(events.async_get_events(event_type="child"))
    assert events.get_events(event_type="child") == [row]
    events.emit(*ARGUMENTS)
    deadline = time.monotonic() + 10
    while sessions() != before and time.monotonic() < deadline:  # the child's end at their leisure
        time.sleep(0.01)
    print(row["message"], len(before) >= 3, before == sessions())
else:
    events.emit("auth", "info", "child", "of the child")
loop.close()
# The child leaves as any program does, with its parent's sessions in its hands.
"""


@pytest.mark.usefixtures("alone")
def test_a_child_that_exits_as_programs_do_leaves_its_parents_sessions_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", FORK_AND_EXIT],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        output, errors = program.communicate(timeout=PATIENCE_SECONDS)
    assert (program.returncode, output, errors) == (0, "of the child True True\n", "")


# -- Outages --------------------------------------------------------------------------------------


def somebody_waits() -> bool:
    """Whether one of the library's statements waits for a lock."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as observer:
        return bool(
            observer.execute(
                "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'sovi.events%'"
                " AND datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
        )


def cut_sessions() -> None:
    victims = sessions()
    assert victims
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [victims])
    eventually(lambda: not set(sessions()) & set(victims))


def test_the_next_call_works_after_the_server_cut_the_session(library: Any) -> None:
    ids = []
    for _ in range(3):
        ids.append(library.emit(*ARGUMENTS))
        cut_sessions()
    assert [row["id"] for row in library.get_events(after_id=0)] == ids
    cut_sessions()
    assert library.resolve(ids[0])
    cut_sessions()
    assert library.emit_many([GIVEN])


def test_a_session_cut_in_a_query_is_an_outage_and_the_next_call_works() -> None:
    events.get_events()
    with psycopg.connect(os.environ["DATABASE_URL"]) as blocker, ThreadPoolExecutor(1) as threads:
        blocker.execute("LOCK TABLE system_events")
        waiting = threads.submit(events.get_events)
        eventually(somebody_waits)
        cut_sessions()
        with pytest.raises(events.DatabaseUnavailable, match="terminating connection"):
            waiting.result(PATIENCE_SECONDS)
    assert events.get_events() == []


def test_an_event_whose_session_was_cut_is_sent_again_and_stored_once() -> None:
    events.emit(*ARGUMENTS)
    with psycopg.connect(os.environ["DATABASE_URL"]) as blocker, ThreadPoolExecutor(1) as threads:
        blocker.execute("LOCK TABLE system_events IN EXCLUSIVE MODE")
        waiting = threads.submit(events.emit, "auth", "info", "cut", "cut")
        eventually(somebody_waits)
        cut_sessions()
        blocker.rollback()
        event_id = waiting.result(PATIENCE_SECONDS)
    assert [row["id"] for row in events.get_events(event_type="cut")] == [event_id]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://sovi:s3cret@127.0.0.1:1/sovi",
        "postgresql://sovi:s3cret@host.invalid/sovi",
        "postgresql://sovi:s3cret@/sovi?host=/nowhere/at/all",
    ],
    ids=["nobody listens", "no such host", "no socket"],
)
@pytest.mark.usefixtures("alone")
def test_an_unreachable_database_is_named_by_its_variable_without_the_password(
    library: Any, another_database: Callable[[str], None], url: str
) -> None:
    another_database(url)
    for call in (
        lambda: library.get_events(),
        lambda: library.get_events(after_id=0),
        lambda: library.resolve(1),
    ):
        with pytest.raises(events.DatabaseUnavailable, match="DATABASE_URL") as raised:
            call()
        error: BaseException | None = raised.value
        while error is not None:
            assert "s3cret" not in f"{error}{error!r}"
            error = error.__cause__ or error.__context__


@pytest.mark.usefixtures("alone")
def test_the_library_works_again_once_the_database_is_back(
    library: Any, another_database: Callable[[str], None]
) -> None:
    here = os.environ["DATABASE_URL"]
    another_database("postgresql://sovi@127.0.0.1:1/sovi")
    with pytest.raises(events.DatabaseUnavailable):
        library.get_events()
    os.environ["DATABASE_URL"] = here
    assert library.get_events() == []


@pytest.mark.usefixtures("alone")
def test_events_for_a_database_that_was_not_migrated_wait_and_it_is_said(
    library: Any,
    another_database: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = f"plain_{uuid.uuid4().hex}"
    here = os.environ["DATABASE_URL"]
    with psycopg.connect(here, autocommit=True, row_factory=namedtuple_row) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        there = psycopg.conninfo.make_conninfo(here, dbname=name)
        try:
            with psycopg.connect(there) as plain:
                plain.execute(
                    "CREATE TABLE devices (id uuid PRIMARY KEY);"
                    "CREATE TABLE accounts (id uuid PRIMARY KEY);"
                    "CREATE TABLE system_events ("
                    "id BIGSERIAL PRIMARY KEY, timestamp TIMESTAMPTZ NOT NULL DEFAULT now(),"
                    "category TEXT NOT NULL, severity TEXT NOT NULL, event_type TEXT NOT NULL,"
                    "device_id UUID REFERENCES devices(id),"
                    "account_id UUID REFERENCES accounts(id), message TEXT NOT NULL,"
                    "context JSONB DEFAULT '{}', resolved BOOLEAN DEFAULT false,"
                    "resolved_by TEXT, resolved_at TIMESTAMPTZ)"
                )
            another_database(database.connection_string(name))
            assert library.emit(*ARGUMENTS, device_id=uuid.uuid4()) is None
            assert "manage.py migrate" in caplog.text
            with pytest.raises(events.NotMigrated, match=r"event_actions.*manage.py migrate"):
                library.resolve(1)
            assert library.get_events(after_id=0) == []
            assert not library.flush(timeout=0)
        finally:
            client.close()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
