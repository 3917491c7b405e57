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


def test_a_handler_that_raises_amid_a_fork_stops_nobody_from_emitting(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    killable.kill()
    machine.run(f"""{WITH_LEDGER}
noted("first")
def interrupt(frame, what, argument):
    if frame.f_code.co_name == amid:
        sys.settrace(None)
        raise KeyboardInterrupt
for amid in ("_before_fork", "close_file", "_drain_if_interrupted"):
    sys.settrace(interrupt)
    pid = os.fork()
    sys.settrace(None)
    if not pid:
        noted(f"child/{{amid}}")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    thread = threading.Thread(target=noted, args=[f"thread/{{amid}}"])
    thread.start()
    thread.join()
    noted(f"parent/{{amid}}")
""")
    killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 10
    assert_stored(machine, answered)


def test_an_exception_that_is_held_keeps_no_lock_in_an_outage(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    killable.kill()
    said = machine.run(f"""{WITH_LEDGER}
noted("first")
held = []
for point in range(200):
    left = point
    def interrupt(frame, what, argument):
        global left
        if not left:
            sys.settrace(None)
            raise KeyboardInterrupt
        left -= frame.f_code.co_filename.endswith("spool/file.py")
        return interrupt
    sys.settrace(interrupt)
    try:
        emit(f"interrupted/{{point}}")
    except KeyboardInterrupt as error:
        held.append(error)
    sys.settrace(None)
    noted(f"after/{{point}}")
    if left: break
print(len(held))
""")
    assert int(said) > 10
    killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    rows = machine.rows()
    assert len(set(rows)) == len(rows), "an event is stored twice"
    assert answered.keys() <= set(rows)


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


def test_a_handler_that_raises_as_emit_ends_leaves_the_next_emit_storing(machine: Machine) -> None:
    said = machine.run(f"""{EMIT}
def interrupt(frame, what, argument):
    if frame.f_code.co_name == "_store_no_more":
        sys.settrace(None)
        raise KeyboardInterrupt
assert emit("before")
sys.settrace(interrupt)
try:
    emit("interrupted")
except KeyboardInterrupt:
    print("interrupted")
assert emit("after")
""")
    assert said == "interrupted\n"
    assert machine.rows() == ["before", "interrupted", "after"]


def test_who_keeps_the_events_of_others_though_handlers_raise_keeps_each_once(
    machine: Machine,
) -> None:
    said = machine.run(f"""{EMIT}
from sovi_events.spool.slips import Slips
from sovi_events.writing.turns import Turns
really = Slips.put
interrupted = []
def interrupt(*args):
    raise KeyboardInterrupt
def put(self, batch, attempted):
    done = really(self, batch, attempted=attempted)
    if len(interrupted) < 3:
        interrupted.append(batch)
        raise KeyboardInterrupt
    return done
Turns.gather, Slips.put, gather = interrupt, put, Turns.gather
try:
    emit("interrupted")
except KeyboardInterrupt:
    print(len(interrupted))
Turns.gather = gather
emit("after")
events.flush()
""")
    assert said == "3\n"
    assert sorted(machine.rows()) == ["after", "interrupted"]


def test_a_handler_that_raises_as_what_it_left_begins_to_drain_leaves_the_next_emit_storing(
    machine: Machine,
) -> None:
    said = machine.run(f"""{EMIT}
def interrupt(frame, what, argument):
    if frame.f_code.co_name == "drain":
        sys.settrace(None)
        raise KeyboardInterrupt
assert emit("before")
sovi_events.client._writer._was_interrupted = True
sys.settrace(interrupt)
try:
    emit("interrupted")
except KeyboardInterrupt:
    print("interrupted")
assert emit("after")
assert not sovi_events.client._writer._was_interrupted
""")
    assert said == "interrupted\n"
    assert machine.rows() == ["before", "interrupted", "after"]


def test_what_a_handler_left_is_drained_though_another_thread_ends_its_emit_meanwhile(
    machine: Machine,
) -> None:
    machine.run(f"""{EMIT}
from sovi_events.spool.slips import Slips
put = Slips.put
def put_while_another_emits(self, batch, *, attempted):
    thread = threading.Thread(target=emit, args=["meanwhile"])
    thread.start()
    thread.join()
    return put(self, batch, attempted=attempted)
Slips.put = put_while_another_emits
from sovi_events.writing.interruption import this_thread
assert emit("before")
this_thread.is_storing = True  # as it is for a handler that interrupts an emit
assert emit("handler") is None
this_thread.is_storing = False
assert emit("after")
deadline = time.monotonic() + 20
while any(name.startswith("slip-") for _, _, names in os.walk("spool") for name in names):
    assert time.monotonic() < deadline
    time.sleep(0.01)
""")
    flushed(machine)  # taken into the spool, it may be on its way still
    assert sorted(machine.rows()) == ["after", "before", "handler", "meanwhile"]


def test_a_task_that_is_interrupted_leaves_the_lead_to_the_next(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "5"
    machine.run(f"""{EMIT}
async def emit_some():
    assert await events.async_emit("auth", "info", "captcha_failed", "first")
    for point in range(60):
        left = point
        def interrupt(frame, what, argument):
            nonlocal left
            if not left and frame.f_code.co_name != "_leave":
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
