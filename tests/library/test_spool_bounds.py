"""The spool at its bounds: full, on a full disk, with a poison row, with several drainers."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from cutting_proxy import CuttingProxy
from killable import Killable
from machine import Machine, Producer
from mounted import a_small_disk
from patience import eventually

MEGABYTE = 1024 * 1024
EMIT_LARGE = """
def emit_large(prefix, count, severity):
    for number in range(count):
        emit(f"{prefix} {number}", severity, context={"padding": "x" * 20_000})
"""


@pytest.fixture(autouse=True)
def impatient(machine: Machine) -> None:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = "0.5"


def numbered(prefix: str, count: int) -> list[str]:
    return [f"{prefix} {number}" for number in range(count)]


def lost(machine: Machine) -> list[dict[str, Any]]:
    """The events written to stderr because nothing could keep them."""
    return [json.loads(line) for line in machine.errors().splitlines() if line.startswith("{")]


def lost_messages(machine: Machine) -> list[str]:
    return [event["message"] for event in lost(machine)]


def losses_reported(machine: Machine) -> list[tuple[str, str, dict[str, Any]]]:
    return machine.execute(
        "SELECT category, severity, context FROM system_events WHERE event_type = 'events_lost'"
    )


def emit_large(producer: Producer, prefix: str, count: int, severity: str = "info") -> list[str]:
    """Emit messages of 20 KB in all; some that fill a spool of 1 MB several times."""
    producer.run(f"{EMIT_LARGE}\nemit_large({prefix!r}, {count}, {severity!r})")
    return numbered(prefix, count)


# -- Full -----------------------------------------------------------------------------------------


def test_a_full_spool_keeps_a_reserve_for_errors_and_reports_what_was_lost(
    machine: Machine, killable: Killable
) -> None:
    machine.variables["SOVI_SPOOL_MAX_MB"] = "1"
    killable.kill()
    producer = machine.producer()
    began = datetime.now(UTC).replace(microsecond=0)

    messages = emit_large(producer, "info", 60)
    refused = lost_messages(machine)
    assert refused, "a spool of 1 MB took 1.2 MB"
    assert refused[-1] == "info 59"
    assert "info 0" not in refused

    messages += ["error 0", "critical 0"]
    producer.run("emit('error 0', 'error'), emit('critical 0', 'critical')")
    assert not {"error 0", "critical 0"} & set(lost_messages(machine))

    messages += emit_large(producer, "many errors", 20, "error")
    refused = lost_messages(machine)
    assert "many errors 19" in refused, "the reserve has no bound"
    assert len(refused) == len(set(refused))
    ended = datetime.now(UTC)
    size = sum(path.stat().st_size for path in machine.spool_folder.rglob("*"))
    assert size < 2 * MEGABYTE

    killable.start()
    producer.flush()
    machine.await_exactly([message for message in messages if message not in refused])
    eventually(lambda: losses_reported(machine), "no events_lost event came")
    [(category, severity, context)] = losses_reported(machine)
    assert (category, severity) == ("events", "error")
    assert context["count"] == len(refused)
    assert context["host"]
    since, until = (datetime.fromisoformat(context[key]) for key in ("since", "until"))
    assert began <= since <= until <= ended


def test_a_spool_drained_takes_events_again(machine: Machine, killable: Killable) -> None:
    machine.variables["SOVI_SPOOL_MAX_MB"] = "1"
    producer = machine.producer()
    kept = 0
    for outage in range(2):
        killable.kill()
        emit_large(producer, f"outage {outage}", 60)
        refused = len([it for it in lost_messages(machine) if it.startswith(f"outage {outage}")])
        assert 0 < refused < 30
        kept += 60 - refused
        killable.start()
        producer.flush()
    assert len(machine.rows()) == kept


def test_a_full_disk_costs_what_it_has_no_room_for_and_that_is_reported(
    machine: Machine, killable: Killable
) -> None:
    with a_small_disk(megabytes=1) as disk:
        machine.variables["SOVI_SPOOL_DIR"] = str(disk.folder)
        killable.kill()
        producer = machine.producer()
        messages = emit_large(producer, "on a small disk", 80)
        refused = lost_messages(machine)
        assert 0 < len(refused) < 80

        disk.resize(megabytes=8)
        messages += emit_large(producer, "on a larger one", 10)
        assert lost_messages(machine) == refused
        killable.start()
        producer.flush()
        machine.await_exactly([message for message in messages if message not in refused])
        eventually(lambda: losses_reported(machine), "no events_lost event came")
        [(_, _, context)] = losses_reported(machine)
        assert context["count"] == len(refused)
        machine.close()  # before the disk is taken away


def test_a_spool_folder_that_cant_be_made_costs_events_but_never_raises(
    machine: Machine, killable: Killable
) -> None:
    obstacle = machine.folder / "a file"
    obstacle.touch()
    machine.variables["SOVI_SPOOL_DIR"] = str(obstacle / "spool")
    killable.kill()
    producer = machine.producer()
    assert producer.emit("nowhere to go") is None
    assert lost_messages(machine) == ["nowhere to go"]

    killable.start()
    eventually(lambda: producer.emit("stored"), "emit returns no id again")
    eventually(lambda: losses_reported(machine), "no events_lost event came")
    [(_, _, context)] = losses_reported(machine)
    assert context["count"] == len(lost_messages(machine))


def test_a_damaged_spool_file_is_put_out_of_the_way_and_kept(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    first = machine.producer()
    first.emit("before")
    first.kill()
    [path] = machine.spool_folder.rglob("spool.sqlite")
    for file in path.parent.glob("spool.sqlite-*"):
        file.unlink()
    path.write_bytes(b"This was a database once. " * 500)

    second = machine.producer()
    assert second.emit("after") is None
    assert not lost(machine)
    killable.start()
    machine.await_exactly(["after"])
    damaged = [it for it in path.parent.iterdir() if it.read_bytes()[:9] == b"This was "]
    assert damaged, "the damaged file is gone"


def test_spooled_events_are_for_the_eyes_of_their_user_alone(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    machine.producer().emit("private")
    files = [path for path in machine.spool_folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []


# -- Poison ---------------------------------------------------------------------------------------

REFUSE_BAD = "ALTER TABLE system_events ADD CONSTRAINT no_bad CHECK (message NOT LIKE 'bad%')"


def test_a_poison_row_in_the_spool_is_set_aside_and_its_neighbours_are_stored(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    first = machine.producer()
    first.run("""
emit_all("before ", 3)
events.emit_many({"category": "auth", "severity": "info", "event_type": "captcha_failed",
                  "message": message} for message in ("in one", "bad of many", "batch"))
emit("bad alone")
emit_all("after ", 3)
""")
    first.kill()
    killable.start()
    machine.execute(REFUSE_BAD)

    second = machine.producer()
    assert second.emit("live")
    second.flush()
    good = ["before 0", "before 1", "before 2", "in one", "batch", "after 0", "after 1", "after 2"]
    machine.await_exactly([*good, "live"])
    assert [message for message in machine.rows() if message != "live"] == good
    status = machine.spool_status()
    assert (status["events"], status["dead_letters"]) == (0, 2)
    assert ["no_bad" in reason for reason in status["reasons"]] == [True, True]
    assert "no_bad" in machine.spool("status", status=1)
    exported = machine.spool("export")
    assert "bad alone" in exported
    assert "bad of many" in exported


def test_a_live_event_that_postgresql_refuses_never_fails_its_neighbours(machine: Machine) -> None:
    machine.execute(REFUSE_BAD)
    producer = machine.producer()
    answered = producer.run("""
answered = {}
def work(thread):
    for number in range(30):
        message = f"{'bad' if number % 10 == 5 else 'good'} {thread}/{number}"
        answered[message] = emit(message)
threads = [threading.Thread(target=work, args=[thread]) for thread in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
answered
""")
    good = {message: event_id for message, event_id in answered.items() if message[0] == "g"}
    bad = {message: event_id for message, event_id in answered.items() if message[0] == "b"}
    assert (len(good), len(bad)) == (8 * 27, 8 * 3)
    assert dict(machine.rows("message, id")) == good
    assert set(bad.values()) == {None}
    assert machine.spool_status()["dead_letters"] == len(bad)
    exported = machine.spool("export")
    assert [message for message in bad if message not in exported] == []


def test_a_refused_event_of_emit_many_costs_the_others_nothing(machine: Machine) -> None:
    machine.execute(REFUSE_BAD)
    producer = machine.producer()
    ids = producer.run("""
events.emit_many({"category": "auth", "severity": "info", "event_type": "captcha_failed",
                  "message": "bad" if n == 700 else f"good {n}"} for n in range(1000))
""")
    producer.flush()
    good = [f"good {number}" for number in range(1000) if number != 700]
    machine.await_exactly(good)
    stored = dict(machine.rows("message, id"))
    assert ids[700] is None
    assert all(ids[n] in (None, stored[f"good {n}"]) for n in range(1000) if n != 700)
    assert "bad" in machine.spool("export")


def test_what_was_set_aside_is_stored_once_postgresql_takes_it(machine: Machine) -> None:
    machine.execute(REFUSE_BAD)
    producer = machine.producer()
    assert producer.emit("bad at first") is None
    assert producer.emit("good")
    machine.spool("drain", "--dead-letters", status=1)
    assert machine.rows() == ["good"]
    machine.execute("ALTER TABLE system_events DROP CONSTRAINT no_bad")
    machine.spool("drain", "--dead-letters")
    machine.await_exactly(["good", "bad at first"])
    assert "Nothing waits" in machine.spool("status")


def test_a_refused_event_is_kept_while_another_process_holds_the_spool(machine: Machine) -> None:
    machine.execute(REFUSE_BAD)
    producer = machine.producer()
    assert producer.emit("bad 1") is None
    (path,) = machine.spool_folder.glob("*/spool.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert producer.emit("bad 2") is None
    producer.kill()
    machine.spool("drain", status=1)
    assert machine.spool_status()["dead_letters"] == 2
    assert lost(machine) == []


def test_parts_that_are_stored_while_their_caller_keeps_the_whole_are_stored_once(
    machine: Machine,
) -> None:
    machine.execute("""
        CREATE TABLE refusing ();
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.message = 'bad' AND to_regclass('refusing') IS NOT NULL THEN
                RAISE 'not yet';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION refuse()
    """)
    producer = machine.producer()
    assert producer.emit("bad") is None
    (path,) = machine.spool_folder.glob("*/spool.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # the writer waits with its dead letter
        producer.run("""
event = {"category": "auth", "severity": "info", "event_type": "x"}
events.emit_many([{**event, "message": message} for message in ("good", "bad")])
""")
        eventually(lambda: machine.rows() == ["good"], "the good part is not stored")
        machine.execute("DROP TABLE refusing")
    producer.flush()
    producer.kill()
    machine.spool("drain", "--dead-letters")
    assert sorted(machine.rows()) == ["bad", "bad", "good"]


def test_a_batch_that_takes_too_long_holds_neither_live_events_nor_those_behind_it(
    machine: Machine, killable: Killable
) -> None:
    machine.delay_inserts(3600, "NEW.message = 'slow'")
    killable.kill()
    producer = machine.producer()
    producer.run("import sovi_events.spool.drain as drain; drain.GROUP_SECONDS = 0.3")
    assert producer.emit("slow") is None
    assert producer.run("emit_all('behind ', 20)") == [None] * 20
    killable.start()
    eventually(lambda: producer.emit("live"), "no live event is stored")
    eventually(
        lambda: {f"behind {n}" for n in range(20)} <= set(machine.rows()), "those behind it wait"
    )
    producer.kill()
    machine.execute("DROP TRIGGER delay ON system_events")
    machine.spool("drain")
    assert machine.rows().count("slow") == 1


# -- Several drainers, and the command ------------------------------------------------------------


def test_several_drainers_store_each_event_once_and_in_order(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    first = machine.producer()
    first.run("emit_all('event ', 1000)")
    first.kill()
    killable.start()

    drainers = [machine.start("-m", "sovi_events.spool", "drain") for _ in range(3)]
    producers = [machine.producer() for _ in range(2)]
    for number, producer in enumerate(producers):
        producer.emit(f"live {number}")
    for drainer in drainers:
        machine.finish(drainer)
    for producer in producers:
        producer.flush()
    waited = numbered("event", 1000)
    machine.await_exactly([*waited, "live 0", "live 1"])
    assert [message for message in machine.rows() if message.startswith("event")] == waited


def test_a_drainer_killed_or_cut_midway_leaves_the_rest_to_the_next(
    machine: Machine, killable: Killable, proxy: CuttingProxy
) -> None:
    killable.kill()
    first = machine.producer()
    first.run("emit_all('event ', 400)")
    first.kill()
    killable.start()
    machine.delay_inserts(0.001, "true")
    drainer = machine.start("-m", "sovi_events.spool", "drain")
    storing = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    eventually(lambda: machine.execute(storing), "the drainer stores nothing")
    drainer.kill()  # what it was at may be committed all the same
    for number in (2, 3, 5, 8):
        proxy.cut_reply(number)
        machine.start("-m", "sovi_events.spool", "drain").communicate(timeout=30)
    machine.spool("drain")
    machine.await_exactly(numbered("event", 400))


def test_the_command_shows_drains_and_exports_what_waits(
    machine: Machine, killable: Killable
) -> None:
    killable.kill()
    producer = machine.producer()
    producer.run("emit_all('event ', 7)")
    producer.kill()

    status = machine.spool_status()
    assert status["folder"].startswith(str(machine.spool_folder))
    assert (status["events"], status["dead_letters"]) == (7, 0)
    assert "waiting    7 events" in machine.spool("status", status=1)
    exported = [json.loads(line) for line in machine.spool("export").splitlines()]
    assert [event["message"] for event in exported] == numbered("event", 7)
    assert {event["severity"] for event in exported} == {"info"}

    killable.start()
    machine.spool("drain")
    assert machine.rows() == numbered("event", 7), "export took something out, or drain put it back"
    assert machine.spool("export") == ""
    assert "Nothing waits" in machine.spool("status")
