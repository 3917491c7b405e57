"""Emit through PgBouncer in transaction mode, where each transaction may have another session."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from killable import ROOT, Killable
from machine import Machine
from patience import eventually

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SESSIONS = 2


@pytest.fixture
def pgbouncer(machine: Machine, killable: Killable, port: int) -> Iterator[None]:
    """PgBouncer before the database of `machine`, with fewer sessions than clients."""
    if PGBOUNCER is None:
        reason = "No PgBouncer here: install Debian's package pgbouncer."
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = killable.home.folder
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(f"""
[databases]
{machine.dbname} = host={killable.socket.parent} port=5432 user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {SESSIONS}
max_client_conn = 200
server_login_retry = 1
""")
    configuration.chmod(0o644)
    log = machine.folder / "pgbouncer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PGBOUNCER, configuration],
            stdout=output,
            stderr=output,
            cwd="/",
            **killable.home.run_as,
        )
    try:
        eventually(lambda: listens(port, process, log), lambda: log.read_text())
        machine.url = f"postgresql://postgres@127.0.0.1:{port}/{machine.dbname}"
        machine.variables["SOVI_PREPARED_STATEMENTS"] = "0"
        yield
    finally:
        process.terminate()
        process.wait(10)


def listens(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        pytest.fail(f"PgBouncer ended:\n{log.read_text()}")
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def has_mixed_sessions(url: str) -> bool:
    """Whether a client of this pooler is given another session than before."""
    with (
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as first,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as second,
    ):
        before = first.execute("SELECT pg_backend_pid()").fetchone()
        with second.transaction():
            second.execute("SELECT 1")
            after = first.execute("SELECT pg_backend_pid()").fetchone()
    return before != after


WORK = """
answered = {}
given = {"category": "device", "severity": "info", "event_type": "app_installed"}
def work(thread):
    for number in range(40):
        answered[f"{NAME}/{thread}/{number}"] = emit(f"{NAME}/{thread}/{number}")
    messages = [f"{NAME}/{thread}/many {number}" for number in range(600)]
    for some in (messages[:20], messages[20:]):
        answered.update(zip(some, events.emit_many({**given, "message": it} for it in some)))
async def waiting(number):
    message = f"{NAME}/async {number}"
    answered[message] = await events.async_emit("device", "info", "app_installed", message)
async def all_of_them():
    await asyncio.gather(*map(waiting, range(40)))
threads = [threading.Thread(target=work, args=[thread]) for thread in range(3)]
for thread in threads: thread.start()
asyncio.run(all_of_them())
for thread in threads: thread.join()
answered
"""


@pytest.mark.usefixtures("pgbouncer")
def test_processes_that_share_few_sessions_get_the_ids_of_their_own_events(
    machine: Machine,
) -> None:
    eventually(lambda: has_mixed_sessions(machine.url), "each client keeps its session")
    producers = [machine.producer() for _ in range(3)]
    for name, producer in enumerate(producers):
        producer.ask(f"NAME = {name}\n{WORK}")
    answered: dict[str, int | None] = {}
    for producer in producers:
        answered |= producer.answer()

    assert len(answered) == 3 * (3 * 640 + 40)
    assert all(answered.values()), machine.errors()[-3000:]
    assert dict(machine.rows("message, id")) == answered


@pytest.mark.usefixtures("pgbouncer")
def test_the_other_calls_work_too(machine: Machine) -> None:
    producer = machine.producer()
    event_id = producer.emit("to be resolved", "error")
    assert producer.run(f"""
[events.resolve(event_id={event_id}, resolved_by="human") for _ in range(10)]
[row["id"] for row in events.get_events(resolved=True, after_id=0)]
""") == [event_id]


@pytest.mark.usefixtures("pgbouncer")
def test_so_do_those_of_processes_that_share_few_sessions(machine: Machine) -> None:
    eventually(lambda: has_mixed_sessions(machine.url), "each client keeps its session")
    producers = [machine.producer() for _ in range(3)]
    event_id = producers[0].emit("to be resolved and reopened", "error")
    for producer in producers:
        producer.ask(f"""
for _ in range(40):
    events.resolve(event_id={event_id}, resolved_by="human")
    events.reopen({event_id}, "human")
len(events.get_events(after_id=0))
""")
    assert [producer.answer() for producer in producers] == [1, 1, 1]


@pytest.mark.usefixtures("pgbouncer")
def test_a_crash_behind_the_pooler_loses_nothing(machine: Machine, killable: Killable) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "1"
    producer = machine.producer()
    emitted: list[str] = []

    def emit() -> int | None:
        emitted.append(f"event {len(emitted)}")
        return producer.emit(emitted[-1])

    assert emit()
    killable.kill()
    assert emit() is None
    assert emit() is None
    killable.start()
    eventually(emit, "emit returns no id again")
    machine.await_exactly(emitted)


@pytest.mark.usefixtures("pgbouncer")
def test_defaults_of_the_database_change_nothing_and_no_session_is_left_changed(
    machine: Machine,
) -> None:
    for default in ("datestyle = 'German, DMY'", "default_transaction_isolation = 'serializable'"):
        machine.execute(f'ALTER DATABASE "{machine.dbname}" SET {default}')
    producer = machine.producer()
    event_id = producer.emit("read through a pooler", "error")
    asked = "[row['timestamp'].year > 2000 for row in events.get_events(after_id=0)]"
    assert producer.run(asked) == [True]
    assert producer.run(f"events.resolve({event_id})") is True
    page = "SystemEvent.objects.order_by('pk').first().timestamp.year > 2000"
    script = f"from events.models import SystemEvent; print({page})"
    shell = machine.start(ROOT / "manage.py", "shell", "--no-imports", "-c", script)
    assert machine.finish(shell).strip() == "True"

    with psycopg.connect(machine.url, autocommit=True, prepare_threshold=None) as other:
        for name, default in {"DateStyle": "German, DMY", "statement_timeout": "0"}.items():
            assert other.execute(f"SHOW {name}").fetchone() == (default,)
