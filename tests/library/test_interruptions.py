"""Signal handlers that emit, or raise, while their thread is emitting."""

import pytest
from killable import Killable
from ledger import EMIT, WITH_LEDGER, assert_stored, flushed, noted
from machine import Machine

WITH_HANDLER = f"""{WITH_LEDGER}
handled, handling = 0, False
def handle(number, frame):
    global handled, handling
    if not handling:
        handling = True
        handled += 1
        noted(f"handler/{{handled}}")
        handling = False
"""


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_signal_handler_emits_while_emit_is_running(
    machine: Machine, killable: Killable, away: bool
) -> None:
    if away:
        killable.kill()
    machine.run(f"""{WITH_LEDGER}
handled = depth = 0
def handle(number, frame):
    global handled, depth
    if depth < 2:
        depth += 1
        handled += 1
        noted(f"handler/{{handled}}")
        depth -= 1
def work(thread):
    for number in range(100): noted(f"{{thread}}/{{number}}")
threads = [threading.Thread(target=work, args=[thread]) for thread in range(2)]
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
for thread in threads: thread.start()
number = 0
while number < 100 or handled < 50:
    noted(f"main/{{number}}")
    number += 1
signal.setitimer(signal.ITIMER_REAL, 0)
for thread in threads: thread.join()
""")
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert sum(message.startswith("handler/") for message in answered) >= 50
    assert_stored(machine, answered)


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_signal_handler_emits_while_flush_and_emit_many_are_running(
    machine: Machine, killable: Killable, away: bool
) -> None:
    if away:
        killable.kill()
    machine.run(f"""{WITH_HANDLER}
given = {{"category": "auth", "severity": "info", "event_type": "captcha_failed"}}
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
number = 0
while handled < 500:
    number += 1
    messages = [f"many {{number}}/{{it}}" for it in range(2)]
    ids = events.emit_many({{**given, "message": message}} for message in messages)
    for message, event_id in zip(messages, ids):
        os.write(ledger, f"{{message}} {{event_id or '-'}} 0\\n".encode())
    for _ in range(50): events.flush(timeout=0.0005)
signal.setitimer(signal.ITIMER_REAL, 0)
""")
    if away:
        killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_handler_that_raises_amid_emit_leaves_others_and_the_next_emit_working(
    machine: Machine, killable: Killable, away: bool
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    if away:
        killable.kill()
    said = machine.run(
        f"""{WITH_LEDGER}
import random
class Interrupt(Exception): pass
def interrupt(number, frame):
    raise Interrupt
signal.signal(signal.SIGALRM, interrupt)
longest = 0.0
def work():
    global longest
    for number in range(300):
        began = time.monotonic()
        noted(f"thread/{{number}}")
        longest = max(longest, time.monotonic() - began)
thread = threading.Thread(target=work)
thread.start()
chosen = random.Random(3)
tried = interrupted = 0
while tried < 500:
    tried += 1
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, chosen.uniform(0.0001, 0.002))
        event_id = emit(f"interrupted/{{tried}}")
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.write(ledger, f"interrupted/{{tried}} {{event_id or '-'}} 0\\n".encode())
    except Interrupt:
        interrupted += 1
    longest = max(longest, time.monotonic() - began)
thread.join()
began = time.monotonic()
noted("last")
print(interrupted, time.monotonic() - began, longest)
""",
        seconds=20,
    )
    interrupted, seconds, longest = map(float, said.split())
    assert interrupted >= 20
    assert seconds < 2
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    lost = {message: it for message, it in answered.items() if message not in stored}
    assert lost == {}
    assert all(event_id in (None, stored[message]) for message, event_id in answered.items())
    assert longest < 2, "one waited for another that was interrupted"


def test_a_signal_handler_does_not_wait_for_a_database_known_to_hang(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    machine.run(f"{EMIT}\nemit('before')")
    killable.suspend()
    machine.run(
        f"""{WITH_HANDLER}
noted("first")
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
number = 0
while handled < 30:
    number += 1
    noted(f"main/{{number}}")
signal.setitimer(signal.ITIMER_REAL, 0)
""",
        seconds=10,
    )
    killable.resume()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger") | {"before": None})


def test_a_signal_handler_emits_while_its_thread_forks_in_an_outage(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.run(f"""
import os, signal
def interrupt():
    signal.raise_signal(signal.SIGUSR1)
# Before the library's: so they run last before a fork, and first after it.
os.register_at_fork(before=interrupt, after_in_parent=interrupt, after_in_child=interrupt)
def handle(number, frame):
    noted(f"handler/{{os.getpid()}}/{{time.time_ns()}}")
signal.signal(signal.SIGUSR1, handle)
{WITH_LEDGER}
noted("first")
for number in range(3):
    pid = os.fork()
    if not pid:
        noted(f"child/{{number}}")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    noted(f"parent/{{number}}")
""")
    killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 1 + 3 * (3 + 2)
    assert_stored(machine, answered)


def test_both_go_on_where_a_handler_forks_amid_emit(machine: Machine) -> None:
    machine.execute("""
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.message = 'slow' THEN PERFORM pg_sleep(0.5); END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER slow BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION slow()
    """)
    machine.run(f"""{WITH_LEDGER}
parent = os.getpid()
signal.signal(signal.SIGALRM, lambda number, frame: os.fork())
for number in range(20): emit(f"before {{number}}")  # by now this thread stores by itself
signal.setitimer(signal.ITIMER_REAL, 0.1)
emit("slow")
noted(f"after/{{os.getpid()}}")
if os.getpid() != parent: os._exit(0)
assert os.wait()[1] == 0
""")
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 2
    machine.await_exactly([*answered, "slow", *(f"before {number}" for number in range(20))])


RAISING = f"""{WITH_LEDGER}
from raising import raise_at
"""


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_handler_that_raises_amid_a_fork_stops_nobody_from_emitting(
    machine: Machine, killable: Killable, away: bool
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    if away:
        killable.kill()
    said = machine.run(f"""{RAISING}
noted("first")
parent = os.getpid()
raised = []
sys.unraisablehook = lambda it: raised.append(it.exc_type)
for point in range(100):
    raise_at(point)
    pid = os.fork()
    sys.settrace(None)
    if not pid:
        for number in range(5): noted(f"child/{{point}}/{{number}}")
        os._exit(0)
    for number in range(5): noted(f"parent of/{{point}}/{{number}}")
    assert os.waitpid(pid, 0)[1] == 0
    thread = threading.Thread(target=noted, args=[f"thread/{{point}}"])
    thread.start()
    thread.join()
    noted(f"parent/{{point}}")
    if len(raised) <= point: break
print(len(raised))
""")
    assert int(said) > 2
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 1 + 12 * (int(said) + 1)
    assert_stored(machine, answered)


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_at_whatever_line_a_handler_raises_the_next_emit_stores_and_nothing_is_stored_twice(
    machine: Machine, killable: Killable, away: bool
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "5"
    if away:
        killable.kill()
    said = machine.run(f"""{RAISING}
noted("first")
held = []
for point in range(400):
    raise_at(point)
    try:
        emit(f"interrupted/{{point}}")
    except KeyboardInterrupt as error:
        held.append(error)  # with the frames, and what they hold
    sys.settrace(None)
    noted(f"after/{{point}}")
    if len(held) <= point: break
print(len(held))
""")
    assert 20 < int(said) < 400
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    assert answered.keys() <= stored.keys()
    assert away or all(answered.values())


def test_a_handler_that_flushes_does_not_wait_for_the_emit_it_interrupted(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.run(f"""{WITH_LEDGER}
noted("first")
handled = handling = 0
def handle(number, frame):
    global handled, handling
    if not handling:
        handling = True
        handled += 1
        noted(f"before/{{handled}}")
        events.flush(timeout=0.01)
        noted(f"after/{{handled}}")
        handling = False
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
number = 0
while handled < 100:
    number += 1
    noted(f"main/{{number}}")
signal.setitimer(signal.ITIMER_REAL, 0)
""")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


def test_an_emit_takes_no_lock_that_a_handler_that_raises_could_leave_taken(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    script = f"""{EMIT}
taken = set()
def watch(frame, what, argument):
    code = frame.f_code
    if what == "call" and code.co_filename == threading.__file__ and code.co_name != "is_set":
        taken.add(code.co_qualname)
def emit_watched():
    sys.setprofile(watch)
    emit("x")
    sys.setprofile(None)
def work():
    for _ in range(50): emit_watched()
emit("the first starts a thread, which takes some")
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(name for name in taken if name.startswith(("Event.", "Condition.", "Semaphore."))))
"""
    assert machine.run(script).strip() == "[]"
    killable.kill()
    assert machine.run(script).strip() == "[]"


def test_a_task_that_is_interrupted_leaves_the_next_storing(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "5"
    machine.run(f"""{EMIT}
async def emit_some():
    assert await events.async_emit("auth", "info", "captcha_failed", "first")
    for point in range(60):
        left = point
        def interrupt(frame, what, argument):
            nonlocal left
            if not left:
                sys.settrace(None)
                raise KeyboardInterrupt
            left -= "sovi_events" in frame.f_code.co_filename
            return interrupt
        try:
            sys.settrace(interrupt)
            await events.async_emit("auth", "info", "captcha_failed", f"interrupted/{{point}}")
        except KeyboardInterrupt:
            pass
        sys.settrace(None)
        assert await events.async_emit("auth", "info", "captcha_failed", f"after/{{point}}")
        if left > 0: break
asyncio.run(emit_some())
""")
    rows = machine.rows()
    assert len(set(rows)) == len(rows), "an event is stored twice"


def test_what_emits_while_the_library_reads_it_does_not_wait_for_itself(machine: Machine) -> None:
    said = machine.run(f"""{EMIT}
class Emitting:
    def __str__(self):
        print(emit("from within"))
        return "said"
given = {{"category": "auth", "severity": "info", "event_type": "captcha_failed"}}
many = [{{**given, "message": f"{{number}}"}} for number in range(600)]
many[-1]["context"] = {{"object": Emitting()}}
began = time.monotonic()
assert all(events.emit_many(many))
assert time.monotonic() - began < 1.5
assert events.flush()
""")
    assert said == "None\n"
    assert sorted(machine.rows()) == sorted(["from within", *map(str, range(600))])


def test_a_log_handler_that_is_stuck_holds_no_emit_beyond_its_bound(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    producer = machine.producer()
    producer.run("""
import logging
stuck, back = threading.Event(), threading.Event()
class Stuck(logging.Handler):
    def emit(self, record):
        stuck.set()
        assert back.wait(30)
logging.getLogger("sovi_events").addHandler(Stuck())
""")
    assert producer.emit("before")
    killable.kill()
    assert producer.emit("first") is None
    assert producer.run("stuck.wait(30)")
    answered = [producer.timed(f"then {number}") for number in range(3)]
    assert [event_id for event_id, _ in answered] == [None] * 3
    assert max(seconds for _, seconds in answered) < 0.5 + 1
    from_a_loop = 'events.async_emit("auth", "info", "captcha_failed", "from a loop")'
    assert producer.run(f"asyncio.run({from_a_loop})") is None
    killable.start()
    producer.run("back.set()")
    producer.flush()
    emitted = ["before", "first", "from a loop", "then 0", "then 1", "then 2"]
    assert sorted(machine.rows()) == emitted


def test_a_mapping_that_raises_costs_those_who_emit_beside_it_nothing(machine: Machine) -> None:
    machine.run(f"""{EMIT}
from collections.abc import Mapping
class Broken(Mapping):
    def __iter__(self): raise KeyError("gone")
    def __len__(self): return 4
    def __getitem__(self, key): raise KeyError(key)
emit("first")
good = dict(category="device", severity="info", event_type="x", message="m")
answers = []
def many():
    try: events.emit_many([good] * 550 + [Broken()])
    except events.InvalidEvent as error: answers.append(str(error))
threads = [threading.Thread(target=many)]
threads += [threading.Thread(target=lambda: answers.append(emit("beside"))) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answers.sort(key=str)
assert "events[550]: can't be read: KeyError" in answers.pop(), answers
assert None not in answers and len(answers) == 3, answers
assert events.flush(0)
""")
    assert machine.rows() == ["first", "beside", "beside", "beside"]


def test_a_program_that_closes_while_others_emit_loses_neither_them_nor_itself(
    machine: Machine, killable: Killable
) -> None:
    machine.variables |= {"SOVI_EMIT_TIMEOUT_SECONDS": "10", "MALLOC_ARENA_MAX": "1"}
    with killable.session(machine.dbname) as other:
        with other.transaction():
            other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
            process = machine.start(
                "-c",
                f"""{EMIT}
import socket
from sovi_events import client
ids = []
waiting = threading.Thread(target=lambda: ids.append(emit("waits for a lock")))
waiting.start()
time.sleep(0.5)
client.close()
print("closed", flush=True)
# Whatever the program opens now takes the place of what was freed.
pairs = [socket.socketpair() for _ in range(20)]
for pair in pairs:
    for one in pair: one.send(b"x" * 9)
held = [bytearray(os.urandom(size)) for size in range(900, 3000, 4)]
waiting.join()
assert ids[0]
""",
            )
            assert process.stdout
            assert process.stdout.readline() == b"closed\n"
        machine.finish(process)
    machine.await_exactly(["waits for a lock"])
