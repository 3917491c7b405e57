"""Emit wherever producers live: in threads, loops, forks, signal handlers, and while they die."""

import json
import os
import random
import signal
import socket
from typing import Any

import httpx
import pytest
from killable import ROOT, Killable
from ledger import EMIT, WITH_LEDGER, assert_stored, flushed, noted
from machine import Machine
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
    said = machine.run(f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "sovi_site.settings"
import django
django.setup()
from django.db import transaction
from events.models import Device
from sovi import events

class Undone(Exception): pass

try:
    with transaction.atomic():
        Device.objects.create(name="iPhone-A")
        print(events.emit("device", "info", "app_installed", "kept"))
        raise Undone
except Undone:
    print(Device.objects.count())
""")
    event_id, devices = map(int, said.split())
    assert devices == 0
    assert machine.rows("message, id") == [("kept", event_id)]


# -- Forks ----------------------------------------------------------------------------------------

FORKING = f"""{WITH_LEDGER}
def emit_some(prefix):
    def work(thread):
        for number in range(20): noted(f"{{prefix}}/{{thread}}/{{number}}")
    threads = [threading.Thread(target=work, args=[thread]) for thread in range(3)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()

def fork_some():
    children = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            try:
                emit_some(f"child{{child}}")
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(pid)
    return children

def join(children):
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * len(children)
"""


@pytest.mark.parametrize("first", ["", "noted('first')"], ids=["before_use", "after_use"])
@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_forked_children_and_their_parent_go_on_emitting(
    machine: Machine, killable: Killable, first: str, away: bool
) -> None:
    if away:
        killable.kill()
    machine.run(f"""{FORKING}
{first}
children = fork_some()
emit_some("parent")
join(children)
""")
    if away:
        killable.start()
        flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 5 * 60 + bool(first)
    assert away or all(answered.values())
    assert_stored(machine, answered)


def test_forks_while_threads_are_emitting_leave_no_child_hanging(machine: Machine) -> None:
    machine.run(f"""{FORKING}
ended = threading.Event()
def busy(name):
    number = 0
    while not ended.is_set():
        number += 1
        noted(f"busy{{name}}/{{number}}")
threads = [threading.Thread(target=busy, args=[name]) for name in range(4)]
for thread in threads: thread.start()
for generation in range(5):
    pid = os.fork()
    if not pid:
        for number in range(10): noted(f"child{{generation}}/{{number}}")
        os._exit(0)
    join([pid])
ended.set()
for thread in threads: thread.join()
""")
    answered = noted(machine.folder / "ledger")
    assert all(answered.values())
    assert_stored(machine, answered)


def test_threads_that_fork_at_once_in_an_outage_hang_nobody(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.run(f"""{FORKING}
noted("first")
ended = threading.Event()
def busy():
    number = 0
    while not ended.is_set():
        number += 1
        noted(f"busy/{{number}}")
def fork():
    for _ in range(40):
        pid = os.fork()
        if not pid: os._exit(0)
        join([pid])
emitting = threading.Thread(target=busy)
emitting.start()
threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ended.set()
emitting.join()
""")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


def test_what_a_child_spools_is_kept_though_its_parent_closed_before_the_fork(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.run(f"""{FORKING}
import gc
from sovi_events import client
noted("parent")
client.close()
started, ended = os.pipe(), os.pipe()
pid = os.fork()
if not pid:
    noted("child 1")
    os.write(started[1], b".")
    os.read(ended[0], 1)
    noted("child 2")
    os.kill(os.getpid(), signal.SIGKILL)
os.read(started[0], 1)
while len(sys._current_frames()) > 1: time.sleep(0.01)
gc.collect()
os.write(ended[1], b".")
os.waitpid(pid, 0)
""")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_workers_of_multiprocessing_emit(machine: Machine, method: str) -> None:
    said = machine.run(f"""{EMIT}
import multiprocessing
if __name__ == "__main__":
    answered = {{"parent": emit("parent")}}
    with multiprocessing.get_context({method!r}).Pool(3) as pool:
        messages = [f"event {{number}}" for number in range(60)]
        answered |= zip(messages, pool.map(emit, messages, chunksize=5))
        pool.close()
        pool.join()
    print(json.dumps(answered))
""")
    answered: dict[str, Any] = json.loads(said)
    assert len(answered) == 61
    assert all(answered.values())
    assert_stored(machine, answered)


def test_the_workers_of_gunicorn_emit_after_it_has_and_as_they_come_and_go(
    machine: Machine,
) -> None:
    (machine.folder / "served.py").write_text(f"""{EMIT}
emit("while loading, before it forks")
def application(environ, start_response):
    answer = str(emit(environ["QUERY_STRING"])).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
""")
    where = str(machine.folder / "gunicorn.sock")
    options = ["--preload", "--workers=2", "--threads=2", "--max-requests=10"]
    server = machine.start("-m", "gunicorn", *options, f"--bind=unix:{where}", "served")
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
    machine.run(
        """
import atexit, os
def registered_before(): noted("registered before")
atexit.register(registered_before)
"""
        + WITH_LEDGER
        + """
atexit.register(noted, "registered after")
noted("in time")
sys.exit()
"""
    )
    if away:
        killable.start()
        flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert set(answered) == {"in time", "registered before", "registered after"}
    assert_stored(machine, answered)
    assert "Traceback" not in machine.errors()


def test_an_exit_in_an_outage_waits_for_no_database(machine: Machine, killable: Killable) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    machine.run(f"{EMIT}\nemit('before')")
    killable.suspend()
    machine.run(f"{EMIT}\nassert emit('during') is None", seconds=10)
    killable.resume()
    flushed(machine)
    assert machine.rows() == ["before", "during"]


def test_what_daemon_threads_emitted_until_the_exit_is_stored(machine: Machine) -> None:
    machine.run(f"""{WITH_LEDGER}
def forever(thread):
    number = 0
    while True:
        number += 1
        noted(f"{{thread}}/{{number}}")
for thread in range(4): threading.Thread(target=forever, args=[thread], daemon=True).start()
while os.fstat(ledger).st_size < 2000: time.sleep(0.01)
""")
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
        script = machine.folder / "victim.py"
        script.write_text(f"""{WITH_LEDGER}
def forever(thread):
    number = 0
    while True:
        number += 1
        noted(f"{{sys.argv[1]}}/{{thread}}/{{number}}")
for thread in range(3): threading.Thread(target=forever, args=[thread]).start()
""")
        size = ledger.stat().st_size + seconds.randrange(1, 3000)
        process = machine.start(script, victim)
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
    machine.run(f"""{EMIT}
before = os.listdir("/proc/self/task")
assert emit("one")
deadline = time.monotonic() + 20
while os.listdir("/proc/self/task") != before:
    assert time.monotonic() < deadline
    time.sleep(0.01)
assert emit("two")
""")
    assert machine.rows() == ["one", "two"]


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_what_finalizers_emit_while_the_interpreter_ends_is_stored(
    machine: Machine, killable: Killable, away: bool
) -> None:
    if away:
        killable.kill()
    machine.run(f"""{WITH_LEDGER}
class Last:
    def __init__(self, noted): self.noted = noted
    def __del__(self): self.noted("finalizer")
last = Last(noted)
noted("before")
""")
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert set(answered) == {"before", "finalizer"}
    assert_stored(machine, answered)
