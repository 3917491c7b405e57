"""Signal handlers that emit, or raise, while their thread is emitting."""

import pytest
from killable import Killable
from ledger import assert_stored, flushed, noted
from machine import PROGRAMS, Machine
from patience import SLACK_SECONDS


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_signal_handler_emits_while_emit_is_running(
    machine: Machine, killable: Killable, away: bool
) -> None:
    if away:
        killable.kill()
    machine.program("handler_amid_emit.py")
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
    machine.program("handler_amid_flush.py")
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
    said = machine.program("handler_raises.py", seconds=20)
    interrupted, seconds, longest = map(float, said.split())
    assert interrupted >= 20
    assert seconds < 0.5 + SLACK_SECONDS
    if away:
        killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    stored = dict(machine.rows("message, id"))
    assert len(stored) == len(machine.rows()), "an event is stored twice"
    lost = {message: it for message, it in answered.items() if message not in stored}
    assert lost == {}
    assert all(event_id in (None, stored[message]) for message, event_id in answered.items())
    assert longest < 0.5 + SLACK_SECONDS, "one waited for another that was interrupted"


def test_a_signal_handler_does_not_wait_for_a_database_known_to_hang(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    machine.program("emit_one.py", "before")
    killable.suspend()
    machine.program("handler_amid_hanging_emit.py", seconds=10)
    killable.resume()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger") | {"before": None})


def test_a_signal_handler_emits_while_its_thread_forks_in_an_outage(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.program("handler_amid_fork.py")
    killable.start()
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 1 + 3 * (3 + 2)
    assert_stored(machine, answered)


def test_both_go_on_where_a_handler_forks_amid_emit(machine: Machine) -> None:
    machine.delay_inserts(0.5, "NEW.message = 'slow'")
    machine.program("handler_forks.py")
    flushed(machine)
    answered = noted(machine.folder / "ledger")
    assert len(answered) == 2
    machine.await_exactly([*answered, "slow", *(f"before {number}" for number in range(20))])


@pytest.mark.parametrize("away", [False, True], ids=["", "in_an_outage"])
def test_a_handler_that_raises_amid_a_fork_stops_nobody_from_emitting(
    machine: Machine, killable: Killable, away: bool
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    if away:
        killable.kill()
    said = machine.program("raise_amid_fork.py")
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
    said = machine.program("raise_amid_emit.py")
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
    machine.program("handler_flushes.py")
    killable.start()
    flushed(machine)
    assert_stored(machine, noted(machine.folder / "ledger"))


def test_an_emit_takes_no_lock_that_a_handler_that_raises_could_leave_taken(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"
    assert machine.program("locks_taken.py").strip() == "[]"
    killable.kill()
    assert machine.program("locks_taken.py").strip() == "[]"


def test_a_task_that_is_interrupted_leaves_the_next_storing(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "5"
    machine.program("interrupted_task.py")
    rows = machine.rows()
    assert len(set(rows)) == len(rows), "an event is stored twice"


def test_what_emits_while_the_library_reads_it_does_not_wait_for_itself(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "600"  # it would wait for all of it
    said = machine.program("emit_amid_emit_many.py")
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
    assert max(seconds for _, seconds in answered) < 0.5 + SLACK_SECONDS
    from_a_loop = 'events.async_emit("auth", "info", "captcha_failed", "from a loop")'
    assert producer.run(f"asyncio.run({from_a_loop})") is None
    killable.start()
    producer.run("back.set()")
    producer.flush()
    emitted = ["before", "first", "from a loop", "then 0", "then 1", "then 2"]
    assert sorted(machine.rows()) == emitted


def test_a_mapping_that_raises_costs_those_who_emit_beside_it_nothing(machine: Machine) -> None:
    machine.program("mapping_raises.py")
    assert machine.rows() == ["first", "beside", "beside", "beside"]


def test_a_program_that_closes_while_others_emit_loses_neither_them_nor_itself(
    machine: Machine, killable: Killable
) -> None:
    machine.variables |= {"SOVI_EMIT_TIMEOUT_SECONDS": "10", "MALLOC_ARENA_MAX": "1"}
    with killable.session(machine.dbname) as other:
        with other.transaction():
            other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
            process = machine.start(PROGRAMS / "close_amid_emit.py")
            assert process.stdout
            assert process.stdout.readline() == b"closed\n"
        machine.finish(process)
    machine.await_exactly(["waits for a lock"])
