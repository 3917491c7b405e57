"""What emit does while the database can't take events, and what becomes of them afterwards."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from cutting_proxy import CuttingProxy
from killable import ROOT, Killable
from machine import Machine
from mounted import a_small_disk
from patience import SLACK_SECONDS, eventually

TIMEOUT_SECONDS = 0.5
WAITING = """
    SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""
REPLIES_OF_AN_EMIT = 4
"""More than one emit waits for, be it that several statements make it."""


@pytest.fixture(autouse=True)
def impatient(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = str(TIMEOUT_SECONDS)


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


# -- Away -----------------------------------------------------------------------------------------


def test_events_of_an_outage_wait_on_disk_and_come_by_themselves_in_their_order_and_time(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    producer = machine.producer()
    before = datetime.now(UTC)
    assert producer.run("emit_all('spooled ', 50)") == [None] * 50
    after = datetime.now(UTC)
    killable.start()

    machine.await_exactly(numbered("spooled ", 50))
    assert machine.rows() == numbered("spooled ", 50)
    times = machine.rows("timestamp")
    assert times == sorted(times)
    assert before <= times[0] and times[-1] <= after
    eventually(lambda: producer.emit("live"), "emit returns no id again")


def test_a_database_lost_after_use_is_used_again_once_it_is_back(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    killable.kill()
    assert producer.emit("during") is None
    killable.start()
    eventually(lambda: producer.emit("after"), "emit returns no id again")
    producer.flush()

    messages = machine.rows()
    assert messages[0] == "before"
    assert messages.count("during") == 1


def test_a_restart_between_two_emits_costs_no_id(machine: Machine, killable: Killable) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    killable.stop()
    killable.start()
    assert producer.emit("after")
    assert machine.rows() == ["before", "after"]


def test_what_a_killed_process_spooled_is_stored_by_the_next_one(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    killed = machine.producer()
    assert killed.run("emit_all('of the killed ', 20)") == [None] * 20
    killed.kill()
    killable.start()

    machine.producer().emit("of the next")
    machine.await_exactly([*numbered("of the killed ", 20), "of the next"])


def test_what_a_killed_process_spooled_is_stored_by_one_that_was_well_all_the_time(
    machine: Machine, killable: Killable
) -> None:
    well, killed = machine.producer(), machine.producer()
    well.run("import sovi_events.writing.delivery as delivery; delivery.LEFTOVERS_SECONDS = 0.0")
    assert well.emit("before")
    well.flush()
    assert killed.emit("of the killed")
    with killable.session(machine.dbname) as other, other.transaction():
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        assert killed.emit("left by the killed") is None
        killed.kill()
        eventually(lambda: not machine.execute(WAITING), "the server still tries to store it")
    assert well.emit("after")
    machine.await_exactly(["before", "of the killed", "left by the killed", "after"])


def test_emit_many_in_an_outage_is_spooled_whole_and_stored_in_order(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    producer = machine.producer()
    answered = producer.run(
        "events.emit_many({'category': 'device', 'severity': 'info',"
        " 'event_type': 'app_installed', 'message': f'many {n}'} for n in range(3000))"
    )
    assert answered == [None] * 3000
    killable.start()

    machine.await_exactly(numbered("many ", 3000))
    assert machine.rows() == numbered("many ", 3000)


def test_async_emit_spools_without_stopping_its_loop(machine: Machine, proxy: CuttingProxy) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "4"
    proxy.hold()
    producer = machine.producer()
    answered, longest = producer.run("""
async def measured():
    longest, last = 0.0, time.monotonic()
    task = asyncio.gather(*(
        events.async_emit("auth", "info", "captcha_failed", f"async {n}") for n in range(20)
    ))
    while not task.done():
        await asyncio.sleep(0.01)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return await task, longest
asyncio.run(measured())
""")
    assert answered == [None] * 20
    assert longest < 4 / 2
    proxy.release()
    machine.await_exactly(numbered("async ", 20))


def test_a_database_known_to_be_away_costs_no_emit_the_wait_for_it(
    machine: Machine, proxy: CuttingProxy
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "2"
    proxy.hold()
    producer = machine.producer()
    event_id, seconds = producer.timed("first")
    assert event_id is None
    assert seconds < 2 + SLACK_SECONDS

    answered = producer.run("[timed(f'then {number}') for number in range(100)]")
    assert [event_id for event_id, _ in answered] == [None] * 100
    assert max(seconds for _, seconds in answered) < 2
    proxy.release()
    machine.await_exactly(["first", *numbered("then ", 100)])


# -- Ambiguous ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", range(1, REPLIES_OF_AN_EMIT + 1))
def test_an_event_whose_reply_was_cut_is_stored_once(
    machine: Machine, proxy: CuttingProxy, reply: int
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    proxy.cut_reply(reply)
    answered = {}
    for number in range(10):
        answered[f"cut {number}"] = producer.emit(f"cut {number}")
    producer.flush()

    assert proxy.cuts == 1
    machine.await_exactly(["before", *answered])
    stored = dict(machine.rows("message, id"))
    assert all(event_id in (None, stored[message]) for message, event_id in answered.items())


@pytest.mark.parametrize("reply", range(1, 7))
def test_thousands_whose_reply_was_cut_are_stored_once(
    machine: Machine, proxy: CuttingProxy, reply: int
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    proxy.cut_reply(reply)
    ids = producer.run(
        "events.emit_many({'category': 'device', 'severity': 'info',"
        " 'event_type': 'app_installed', 'message': f'many {n}'} for n in range(2000))"
    )
    producer.flush()

    machine.await_exactly(["before", *numbered("many ", 2000)])
    stored = dict(machine.rows("message, id"))
    assert ids in ([None] * 2000, [stored[f"many {number}"] for number in range(2000)])


# -- Slow -----------------------------------------------------------------------------------------


def test_a_table_locked_by_another_session_holds_emit_no_longer_than_its_bound(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    with killable.session(machine.dbname) as other, other.transaction():
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        event_id, seconds = producer.timed("locked out")
        assert event_id is None
        assert seconds < TIMEOUT_SECONDS + SLACK_SECONDS
    # From here on the attempt that the lock kept waiting meets the one from the spool.
    producer.flush()
    assert machine.rows() == ["before", "locked out"]


def test_threads_that_wait_behind_a_locked_table_are_all_let_go_within_the_bound(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    with killable.session(machine.dbname) as other, other.transaction():
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        answered = producer.run("""
answered = []
threads = [threading.Thread(target=lambda n=n: answered.append(timed(f"of thread {n}")))
           for n in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answered
""")
        assert [event_id for event_id, _ in answered] == [None] * 16
        assert max(seconds for _, seconds in answered) < TIMEOUT_SECONDS + SLACK_SECONDS
    machine.await_exactly(["before", *numbered("of thread ", 16)])


def test_a_small_call_behind_thousands_that_wait_is_let_go_within_its_own_bound(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "3"  # the thousands have 12
    producer = machine.producer()
    assert producer.emit("before")
    with killable.session(machine.dbname) as other, other.transaction():
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        producer.run("""
many = [{"category": "auth", "severity": "info", "event_type": "many", "message": f"many {n}"}
        for n in range(30_000)]
threading.Thread(target=lambda: events.emit_many(many)).start()
""")
        eventually(lambda: machine.execute(WAITING), "the thousands are not on their way")
        answered = producer.run("""
answered = []
threads = [threading.Thread(target=lambda n=n: answered.append(timed(f"small {n}")))
           for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answered
""")
        assert [event_id for event_id, _ in answered] == [None] * 4
        assert max(seconds for _, seconds in answered) < 3 + SLACK_SECONDS
    producer.flush()
    assert len(machine.rows()) == 30_005
    assert len(set(machine.rows())) == 30_005


def test_a_program_whose_own_log_handler_emits_goes_on_in_an_outage(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.run("""
import logging, threading
from sovi import events

class Own(logging.Handler):
    def emit(self, record):
        events.emit("auth", "info", "logged", record.getMessage()[:100])

logging.getLogger().addHandler(Own())

def work(n):
    for k in range(5):
        logging.getLogger("program").error("logged %s %s", n, k)
        events.emit("auth", "info", "direct", f"direct {n} {k}")

threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""")
    killable.start()
    machine.spool("drain")
    told = [message for message in machine.rows() if message.startswith(("logged ", "direct "))]
    assert len(told) == len(set(told)) == 40


def test_a_flush_that_waits_shortly_takes_no_time_from_those_who_emit_beside_it(
    machine: Machine,
) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "5"  # a busy machine alone takes none of it
    ids = machine.producer().run("""
emit("first")
ended = False
def flush():
    while not ended:
        events.flush(timeout=0.0005)
thread = threading.Thread(target=flush)
thread.start()
ids = emit_all("beside it ", 200)
ended = True
thread.join()
ids
""")
    assert None not in ids


def test_a_server_that_hangs_holds_emit_no_longer_than_its_bound(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    assert producer.emit("before")
    killable.suspend()
    event_id, seconds = producer.timed("first")
    assert event_id is None
    assert seconds < TIMEOUT_SECONDS + SLACK_SECONDS
    assert producer.run("emit_all('then ', 20)") == [None] * 20
    killable.resume()
    machine.await_exactly(["before", "first", *numbered("then ", 20)])


def test_a_process_that_was_stopped_while_it_waited_stores_each_event_once(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    assert producer.run("1") == 1
    killable.suspend()
    producer.ask("""
answered = []
threads = [threading.Thread(target=lambda n=n: answered.append(emit(f"of thread {n}")))
           for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answered
""")
    time.sleep(TIMEOUT_SECONDS / 2)
    producer.process.send_signal(signal.SIGSTOP)
    time.sleep(TIMEOUT_SECONDS + 0.5)  # all are given up when it goes on
    producer.process.send_signal(signal.SIGCONT)
    assert producer.answer() == [None] * 8
    killable.resume()
    producer.flush()
    assert sorted(machine.rows()) == numbered("of thread ", 8)
    assert "not_stored" not in machine.errors()


# -- Unwilling ------------------------------------------------------------------------------------


def test_a_database_made_read_only_gets_the_events_when_it_can_be_written(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    emitted: list[str] = []

    def emit() -> int | None:
        emitted.append(f"event {len(emitted)}")
        return producer.emit(emitted[-1])

    assert emit()
    killable.configure(default_transaction_read_only="on")
    eventually(lambda: emit() is None, "emit returns ids of a database that is read-only")
    assert emit() is None
    killable.configure(default_transaction_read_only="off")
    eventually(emit, "emit returns no id again")
    machine.await_exactly(emitted)


def test_a_database_whose_disk_is_full_gets_the_events_when_there_is_room(
    machine: Machine, killable: Killable
) -> None:
    producer = machine.producer()
    emitted: list[str] = []

    def emit() -> int | None:
        emitted.append(f"event {len(emitted)}")
        padded = f"emit({emitted[-1]!r}, context=dict(padding='x' * 60_000))"
        event_id: int | None = producer.run(padded)
        return event_id

    with a_small_disk(megabytes=2, home=killable.home) as disk:
        machine.execute(f"CREATE TABLESPACE small LOCATION '{disk.folder}'")
        machine.execute("ALTER TABLE system_events SET TABLESPACE small")
        machine.execute("ALTER TABLE system_events ALTER context SET STORAGE external")
        eventually(lambda: emit() is None, "the disk is never full")
        assert emit() is None
        disk.resize(megabytes=64)
        eventually(emit, "emit returns no id again")
        machine.await_exactly(emitted)
        machine.execute("ALTER TABLE system_events SET TABLESPACE pg_default")
        machine.execute("DROP TABLESPACE small")


@pytest.fixture
def not_migrated(machine: Machine, killable: Killable) -> Iterator[Machine]:
    killable.drop_database(machine.dbname)
    killable.new_database(machine.dbname, template="template1")
    yield machine


def test_events_for_a_database_not_migrated_wait_with_a_warning_until_it_is(
    not_migrated: Machine, killable: Killable
) -> None:
    producer = not_migrated.producer()
    assert producer.run("emit_all('early ', 5)") == [None] * 5
    eventually(lambda: "migrate" in not_migrated.errors(), "No warning names migrate")

    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=not_migrated.environment(), check=True, timeout=120)
    not_migrated.await_exactly(numbered("early ", 5))


# -- Coming back ----------------------------------------------------------------------------------


def test_live_events_are_stored_at_once_while_thousands_wait_to_be(
    machine: Machine, killable: Killable
) -> None:
    waiting = 1500
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "2"
    # A slow database, for what waited only: the live events show who had to wait for whom.
    machine.delay_inserts(0.001, "NEW.event_type = 'app_installed'")
    killable.kill()
    producer = machine.producer()
    for first in range(0, waiting, 10):
        producer.run(
            "events.emit_many({'category': 'device', 'severity': 'info',"
            " 'event_type': 'app_installed', 'message': f'waiting {n}'}"
            f" for n in range({first}, {first + 10}))"
        )
    killable.start()

    def waiting_rows() -> list[str]:
        return [message for message in machine.rows() if message.startswith("waiting ")]

    # The first that are stored of those prove the database; from then on live events go there.
    eventually(lambda: producer.emit("proof"), "live events go to the spool")
    live = [producer.timed(f"live {number}") for number in range(50)]
    stored_meanwhile = len(waiting_rows())
    producer.flush()

    assert all(event_id for event_id, _ in live), "a live event had to wait in the spool"
    assert max(seconds for _, seconds in live) < 2 + SLACK_SECONDS
    assert stored_meanwhile < waiting, "the spool was empty too soon to prove anything"
    assert waiting_rows() == numbered("waiting ", waiting)


def test_another_primary_takes_over_among_several_hosts(
    machine: Machine, killable: Killable
) -> None:
    with killable.standby() as standby:
        hosts = {
            "host": f"{killable.socket.parent},{standby.socket.parent}",
            "port": "5432,5432",
            "user": "postgres",
            "target_session_attrs": "read-write",
        }
        machine.url = f"postgresql:///{machine.dbname}?{urlencode(hosts)}"
        producer = machine.producer()
        before = producer.emit("before")
        assert before
        killable.kill()
        assert producer.emit("between") is None
        standby.promote()
        eventually(lambda: producer.emit("after"), "emit returns no id of the new primary")
        producer.flush()

        with standby.session(machine.dbname) as session:
            rows = session.execute("SELECT id, message FROM system_events ORDER BY id").fetchall()
        messages = [message for _, message in rows]
        assert rows[0] == (before, "before")
        assert messages.count("between") == 1
        assert set(messages) == {"before", "between", "after"}
