"""Emit wherever producers live: in threads, loops, forks, signal handlers, and while they die."""

import json
import os
import random
import signal
import socket
from typing import Any

import httpx
import pytest
from killable import Killable
from ledger import assert_stored, flushed, noted
from machine import PROGRAMS, Machine
from patience import eventually

SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'sovi.events emit' AND datname = current_database()
"""
SHORT_VICTIMS, FULL_VICTIMS = 6, 100


# -- Threads and loops ----------------------------------------------------------------------------


def test_threads_of_a_process_share_one_session_and_each_gets_the_id_of_its_own_event(
    machine: Machine,
) -> None:
    producer = machine.producer()
    answered = producer.run("""
answered = {}
def work(thread):
    for number in range(50):
        answered[f"{thread}/{number}"] = emit(f"{thread}/{number}")
threads = [threading.Thread(target=work, args=[thread]) for thread in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answered
""")
    assert len(answered) == 16 * 50
    assert all(answered.values())
    assert machine.execute(SESSIONS) == [(1,)]
    assert_stored(machine, answered)


def test_two_hundred_tasks_and_the_threads_beside_them_share_one_session(machine: Machine) -> None:
    producer = machine.producer()
    answered = producer.run("""
answered = {}
async def one(number):
    message = f"task {number}"
    answered[message] = await events.async_emit("auth", "info", "captcha_failed", message)
async def all_of_them():
    await asyncio.gather(*map(one, range(200)))
def work():
    for number in range(20): answered[f"thread {number}"] = emit(f"thread {number}")
thread = threading.Thread(target=work)
thread.start()
asyncio.run(all_of_them())
thread.join()
answered
""")
    assert len(answered) == 220
    assert all(answered.values())
    assert machine.execute(SESSIONS) == [(1,)]
    assert_stored(machine, answered)


def test_a_sync_emit_works_inside_a_running_loop_beside_tasks_that_await(machine: Machine) -> None:
    producer = machine.producer()
    answered = producer.run("""
answered = {}
async def awaiting(number):
    message = f"awaited {number}"
    answered[message] = await events.async_emit("auth", "info", "captcha_failed", message)
async def blocking(number):
    answered[f"sync {number}"] = emit(f"sync {number}")
async def both():
    await asyncio.gather(*(each(n) for n in range(50) for each in (awaiting, blocking)))
asyncio.run(both())
answered
""")
    assert len(answered) == 100
    assert all(answered.values())
    assert_stored(machine, answered)


def test_a_cancelled_task_takes_no_other_event_with_it(machine: Machine) -> None:
    producer = machine.producer()
    answered = producer.run("""
answered = {}
async def one(number):
    message = f"task {number}"
    answered[message] = await events.async_emit("auth", "info", "captcha_failed", message)
async def some_cancelled():
    for round in range(10):
        tasks = [asyncio.create_task(one(20 * round + number)) for number in range(20)]
        for step in range(round): await asyncio.sleep(0)
        for task in tasks[::3]: task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
asyncio.run(some_cancelled())
answered["last"] = emit("last")
answered
""")
    assert all(answered.values())
    assert len(answered) > 130
    producer.flush()
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    assert stored.items() >= answered.items()


def test_an_event_outlives_the_django_transaction_that_rolls_back(machine: Machine) -> None:
    said = machine.program("emit_in_transaction.py")
    event_id, devices = map(int, said.split())
    assert devices == 0
    assert machine.rows("message, id") == [("kept", event_id)]


# -- Forks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [[], ["first"]], ids=["before_use", "after_use"])
@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_forked_children_and_their_parent_go_on_emitting(
    machine: Machine, killable: Killable, first: list[str], away: bool
) -> None:
    if away:
        killable.kill()
    machine.program("forked_children.py", *first)
    if away:
        killable.start()
        flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 5 * 60 + len(first)
    assert away or all(answered.values())
    assert_stored(machine, answered)


def test_forks_while_threads_are_emitting_leave_no_child_hanging(machine: Machine) -> None:
    machine.program("fork_beside_threads.py")
    answered = noted(machine.folder / "ledger")
    assert all(answered.values())
    assert_stored(machine, answered)


def test_threads_that_fork_at_once_in_an_outage_hang_nobody(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.program("threads_fork.py")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


def test_what_a_child_spools_is_kept_though_its_parent_closed_before_the_fork(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.program("fork_after_close.py")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_workers_of_multiprocessing_emit(machine: Machine, method: str) -> None:
    said = machine.program("worker_pool.py", method)
    answered: dict[str, Any] = json.loads(said)
    assert len(answered) == 61
    assert all(answered.values())
    assert_stored(machine, answered)


def test_the_workers_of_gunicorn_emit_after_it_has_and_as_they_come_and_go(
    machine: Machine,
) -> None:
    where = str(machine.folder / "gunicorn.sock")
    options = ["--preload", "--workers=2", "--threads=2", "--max-requests=10"]
    options += [f"--pythonpath={PROGRAMS}", f"--bind=unix:{where}"]
    server = machine.start("-m", "gunicorn", *options, "served")
    answered = {}
    eventually(lambda: listens(where), machine.errors)
    with httpx.Client(transport=httpx.HTTPTransport(uds=where)) as client:
        for number in range(60):
            answered[f"{number}"] = int(client.get(f"http://gunicorn/?{number}").text)
    server.terminate()
    machine.finish(server)
    assert len(set(answered.values())) == 60
    assert_stored(machine, answered | {"while loading, before it forks": None})


def listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(path) == 0


# -- The end of a process -------------------------------------------------------------------------


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_events_at_exit_are_stored(machine: Machine, killable: Killable, away: bool) -> None:
    if away:
        killable.kill()
    machine.program("emit_at_exit.py")
    if away:
        killable.start()
        flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert set(answered) == {"in time", "registered before", "registered after"}
    assert_stored(machine, answered)
    assert "Traceback" not in machine.errors()


def test_an_exit_in_an_outage_waits_for_no_database(machine: Machine, killable: Killable) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    machine.program("emit_one.py", "before")
    killable.suspend()
    assert machine.program("emit_one.py", "during", seconds=10) == "None\n"
    killable.resume()
    flushed(machine)
    assert machine.rows() == ["before", "during"]


def test_what_daemon_threads_emitted_until_the_exit_is_stored(machine: Machine) -> None:
    machine.program("exit_beside_daemons.py")
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    assert all(
        stored.get(message) == (event_id or stored.get(message, "missing"))
        for message, event_id in answered.items()
    )
    assert "Fatal Python error" not in machine.errors()


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_sigkill_at_any_instant_takes_nothing_that_emit_returned_for(
    machine: Machine, killable: Killable, away: bool, soak: bool
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    if away:
        killable.kill()
    ledger = machine.folder / "ledger"
    ledger.touch()
    seconds = random.Random(4)
    for victim in range(FULL_VICTIMS if soak else SHORT_VICTIMS):
        size = ledger.stat().st_size + seconds.randrange(1, 3000)
        process = machine.start(PROGRAMS / "emit_forever.py", victim)
        eventually(lambda size=size: ledger.stat().st_size > size, "the victim does not emit")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    if away:
        killable.start()
    flushed(machine)

    answered = noted(ledger)
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    assert answered.keys() <= stored.keys()
    assert all(event_id in (None, stored[message]) for message, event_id in answered.items())
    assert any(event_id is None for event_id in answered.values()) == away


def test_a_program_that_emits_no_more_has_no_thread_left(machine: Machine) -> None:
    machine.program("idle_threads.py")
    assert machine.rows() == ["one", "two"]


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_what_finalizers_emit_while_the_interpreter_ends_is_stored(
    machine: Machine, killable: Killable, away: bool
) -> None:
    if away:
        killable.kill()
    machine.program("emit_in_finalizer.py")
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert set(answered) == {"before", "finalizer"}
    assert_stored(machine, answered)
