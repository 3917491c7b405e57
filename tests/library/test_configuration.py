"""`configure`: the settings of a program that doesn't keep them in its environment."""

import pytest
from machine import Machine

FIRST = """
import os, sys
from sovi import events

URL, SPOOL = os.environ.pop("URL"), os.environ.pop("SPOOL")
def emit(message):
    return events.emit("scheduler", "info", "warming_complete", message)
def refused(**arguments):
    try:
        events.configure(**arguments)
    except events.ConfigurationError as error:
        return str(error)
"""
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


@pytest.fixture
def machine(machine: Machine) -> Machine:
    """Producers that are told by `configure` alone where the database is."""
    machine.variables |= {"URL": machine.url, "SPOOL": str(machine.folder / "chosen")}
    machine.variables["DATABASE_URL"] = NOWHERE
    return machine


def test_arguments_win_over_the_environment(machine: Machine) -> None:
    machine.run(f"""{FIRST}
events.configure(database_url=URL, spool_dir=SPOOL)
assert emit("stored")
""")
    assert machine.rows() == ["stored"]


def test_none_leaves_a_setting_to_the_environment(machine: Machine) -> None:
    machine.run(f"""{FIRST}
os.environ["DATABASE_URL"] = URL
events.configure(database_url=None, spool_dir=SPOOL)
assert emit("stored")
""")
    assert machine.rows() == ["stored"]


def test_events_wait_in_the_folder_that_was_configured(machine: Machine) -> None:
    machine.run(f"""{FIRST}
from pathlib import Path
events.configure(database_url={NOWHERE!r}, spool_dir=Path(SPOOL))
assert emit("waits") is None
""")
    assert list((machine.folder / "chosen").glob("nothing-*/spool.sqlite"))


def test_it_connects_to_nothing(machine: Machine) -> None:
    machine.run(f"""{FIRST}
def watch(event, arguments):
    assert not event.startswith(("socket.", "sqlite3.", "subprocess.")), event
sys.addaudithook(watch)
events.configure(database_url=URL, spool_dir=SPOOL, emit_timeout_seconds=1)
""")
    assert not (machine.folder / "chosen").exists()


def test_after_the_first_use_it_is_refused_unless_nothing_changes(machine: Machine) -> None:
    said = machine.run(f"""{FIRST}
events.configure(database_url={NOWHERE!r}, spool_max_mb=5)
events.configure(database_url=URL, spool_dir=SPOOL)
assert emit("stored")
events.configure(database_url=URL, spool_dir=SPOOL)
print(refused(database_url={NOWHERE!r}, spool_dir=SPOOL))
print(refused(database_url=URL, spool_dir=SPOOL, spool_max_mb=5))
print(refused(database_url=URL))
assert emit("stored too")
""")
    assert [line.partition(": ")[0] for line in said.splitlines()] == [
        "configure comes too late to change DATABASE_URL",
        "configure comes too late to change SOVI_SPOOL_MAX_MB",
        "configure comes too late to change SOVI_SPOOL_DIR",
    ]
    assert machine.rows() == ["stored", "stored too"]


def test_children_of_a_fork_inherit_it(machine: Machine) -> None:
    machine.run(f"""{FIRST}
events.configure(database_url=URL, spool_dir=SPOOL)
pid = os.fork()
if not pid:
    os._exit(0 if emit("child") else 1)
assert os.waitpid(pid, 0)[1] == 0
assert emit("parent")
""")
    assert sorted(machine.rows()) == ["child", "parent"]


def test_a_value_that_cannot_be_is_refused_and_changes_nothing(machine: Machine) -> None:
    said = machine.run(f"""{FIRST}
events.configure(database_url=URL, spool_dir=SPOOL)
print(refused(database_url="mysql://x/y"))
print(refused(database_url=5))
print(refused(spool_dir=5))
print(refused(emit_timeout_seconds=0))
print(refused(emit_timeout_seconds="2"))
print(refused(spool_max_mb=True))
print(refused(prepared_statements="no"))
assert emit("stored")
""")
    assert said.splitlines() == [
        "DATABASE_URL must begin with postgresql:// or postgres:// (and stand without quotes).",
        "database_url must be text or None, not 5",
        "spool_dir must be a path or None, not 5",
        "SOVI_EMIT_TIMEOUT_SECONDS must be a number from 0.05 to 3600, not '0'",
        "emit_timeout_seconds must be a number or None, not '2'",
        "spool_max_mb must be a number or None, not True",
        "prepared_statements must be True, False or None, not 'no'",
    ]
    assert machine.rows() == ["stored"]
