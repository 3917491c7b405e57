"""What the database's state keeps out waits and is stored by itself; dead letters are refused."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from patience import eventually

from sovi import events
from sovi_events import client, database
from sovi_events.record import MANY
from sovi_events.spool.store import Spool

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = "INSERT INTO system_events (id, category, severity, event_type, message)"
PARTITIONED = """
CREATE TABLE devices (id uuid PRIMARY KEY);
CREATE TABLE accounts (id uuid PRIMARY KEY);
CREATE SEQUENCE system_events_id_seq;
CREATE TABLE system_events (
    id bigint NOT NULL DEFAULT nextval('system_events_id_seq'),
    timestamp timestamptz NOT NULL DEFAULT now(),
    category text NOT NULL, severity text NOT NULL, event_type text NOT NULL,
    device_id uuid REFERENCES devices (id), account_id uuid REFERENCES accounts (id),
    message text NOT NULL, context jsonb DEFAULT '{}',
    resolved boolean DEFAULT false, resolved_by text, resolved_at timestamptz,
    PRIMARY KEY (category, id)
) PARTITION BY LIST (category);
ALTER SEQUENCE system_events_id_seq OWNED BY system_events.id;
CREATE TABLE of_devices (LIKE system_events INCLUDING DEFAULTS);
ALTER TABLE of_devices ADD CONSTRAINT an_own_name PRIMARY KEY (category, id);
ALTER TABLE system_events ATTACH PARTITION of_devices FOR VALUES IN ('device');
CREATE TABLE event_receipts (id uuid PRIMARY KEY, created_at timestamptz DEFAULT now(),
                             event_ids int8multirange NOT NULL, request_digest bytea)
"""


@pytest.fixture(autouse=True)
def own_spool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    client.close()
    monkeypatch.setenv("SOVI_SPOOL_DIR", str(tmp_path))
    yield
    client.close()


def execute(*statements: str) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        for statement in statements:
            session.execute(statement.encode())


@contextmanager
def state(broken: str, mend: str) -> Iterator[None]:
    execute(broken)
    try:
        yield
    finally:
        execute(mend)


def raising(sqlstate: str, condition: str = "true") -> tuple[str, str]:
    """A trigger that fails, and the end of it."""
    made = f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'It fails' USING ERRCODE = '{sqlstate}'; END $$;
        CREATE TRIGGER fail BEFORE INSERT ON system_events FOR EACH ROW
        WHEN ({condition}) EXECUTE FUNCTION fail()
    """
    return made, "DROP FUNCTION fail() CASCADE"


def emit(message: str, category: str = "device") -> int | None:
    return events.emit(category, "critical", "device_disconnected", message)


def spool() -> Spool:
    return Spool(Path(os.environ["SOVI_SPOOL_DIR"]) / database.identity(), 1)


def dead_letters() -> list[str]:
    return [record.message for it in spool().dead_letters() for record in it.batch.records]


def messages() -> list[str]:
    with psycopg.connect(os.environ["DATABASE_URL"]) as session:
        found = session.execute("SELECT message FROM system_events ORDER BY id").fetchall()
    return [message for (message,) in found]


# A full disk, no memory, a missing grant, a missing function, a damaged page, an I/O error, a
# deadlock, a lock, a trigger in another language.
FAILURES = ("53100", "53200", "42501", "42883", "XX001", "58030", "40P01", "55P03", "38000")
STATES = {
    "a sequence at its end": (
        "SELECT setval('system_events_id_seq', 9223372036854775807)",
        "SELECT setval('system_events_id_seq', 1)",
    ),
    "no default for the id": (
        "ALTER TABLE system_events ALTER id DROP DEFAULT",
        "ALTER TABLE system_events ALTER id SET DEFAULT nextval('system_events_id_seq')",
    ),
    "a column of the owner's": (
        "ALTER TABLE system_events ADD host text CHECK (host <> ''); "
        "ALTER TABLE system_events ALTER host SET NOT NULL",
        "ALTER TABLE system_events DROP host",
    ),
    "a missing column": (
        "ALTER TABLE system_events RENAME context TO contexts",
        "ALTER TABLE system_events RENAME contexts TO context",
    ),
    "missing receipts": (
        "ALTER TABLE event_receipts RENAME TO receipts",
        "ALTER TABLE receipts RENAME TO event_receipts",
    ),
    "a database that is read-only": (
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on',"
        " current_database()); END $$",
        "SET TRANSACTION READ WRITE;"
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only',"
        " current_database()); END $$",
    ),
    "a trigger's table": (
        "CREATE TABLE audit (id int PRIMARY KEY DEFAULT 1); INSERT INTO audit DEFAULT VALUES;"
        "CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO audit DEFAULT VALUES; RETURN NEW; END $$;"
        "CREATE TRIGGER audit BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION audit()",
        "DROP FUNCTION audit() CASCADE; DROP TABLE audit",
    ),
    **{sqlstate: raising(sqlstate) for sqlstate in FAILURES},
}


@pytest.mark.parametrize("name", STATES)
def test_events_wait_for_a_state_to_be_mended_and_are_stored_by_themselves(name: str) -> None:
    with state(*STATES[name]):
        client.close()
        assert emit("one") is None
        assert events.emit_many([{**vars_of("many"), "category": "auth"}] * 3) == [None] * 3
        assert not events.flush(timeout=0.3)
        assert messages() == []
    assert events.flush(timeout=30)
    assert messages() == ["one", "many", "many", "many"]
    assert dead_letters() == []


def vars_of(message: str) -> dict[str, Any]:
    return {"category": "device", "severity": "info", "event_type": "x", "message": message}


@pytest.mark.parametrize(
    ("broken", "mend"),
    [
        raising("P0001", "NEW.message = 'bad'"),
        *(raising(sqlstate, "NEW.message = 'bad'") for sqlstate in ("22023", "23502", "23514")),
        (
            "ALTER TABLE system_events ADD CONSTRAINT good CHECK (message <> 'bad')",
            "ALTER TABLE system_events DROP CONSTRAINT good",
        ),
        (
            "CREATE UNIQUE INDEX once ON system_events (message) WHERE message = 'bad';"
            f"{INSERT} VALUES (0, 'a', 'info', 'b', 'bad')",
            "DROP INDEX once; DELETE FROM system_events WHERE id = 0",
        ),
        (
            "CREATE DOMAIN good AS text CHECK (value <> 'bad');"
            "ALTER TABLE system_events ALTER message TYPE good",
            "ALTER TABLE system_events ALTER message TYPE text; DROP DOMAIN good",
        ),
        (
            "ALTER TABLE system_events ALTER device_id SET NOT NULL",
            "ALTER TABLE system_events ALTER device_id DROP NOT NULL",
        ),
    ],
    ids=["trigger", "22023", "23502", "23514", "check", "unique", "type", "not null"],
)
def test_what_a_healthy_table_refuses_for_its_own_data_is_a_dead_letter(
    broken: str, mend: str
) -> None:
    with state(broken, mend):
        assert emit("bad") is None
        assert events.flush(timeout=30)
        assert dead_letters() == ["bad"]


@pytest.mark.parametrize("sqlstate", ["XX000", "38000", "21000"])
def test_others_are_stored_while_one_waits_for_what_only_it_meets(sqlstate: str) -> None:
    with state(*raising(sqlstate, "NEW.message = 'bad'")):
        assert emit("bad") is None
        eventually(lambda: emit("good"), "no other is stored")
        assert "bad" not in messages()
    assert events.flush(timeout=30)
    assert messages().count("bad") == 1
    assert dead_letters() == []


# -- Ids that rows have already -------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, MANY])
@pytest.mark.parametrize("taken", [3, 5000])
def test_ids_that_a_restore_brought_are_passed_by(taken: int, count: int) -> None:
    execute(
        f"{INSERT} SELECT n, 'a', 'info', 'b', 'restored' FROM generate_series(1, {taken}) AS n",
        "ALTER SEQUENCE system_events_id_seq RESTART",
    )
    stored = events.emit_many([vars_of("m")] * count)
    assert len(stored) == count
    assert min(it or 0 for it in stored) > taken
    assert dead_letters() == []


def test_single_ids_of_other_programs_are_passed_by() -> None:
    execute(f"{INSERT} SELECT n, 'a', 'info', 'b', '' FROM unnest(ARRAY[2, 3, 5, 7]) AS n")
    execute("ALTER SEQUENCE system_events_id_seq RESTART")
    assert [emit("m") for _ in range(4)] == [1, 4, 6, 8]


def test_only_a_trigger_that_takes_ids_away_for_good_leaves_events_waiting_with_the_cure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = """
        CREATE FUNCTION first() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN NEW.id := 1; RETURN NEW; END $$;
        CREATE TRIGGER first BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION first()
    """
    with state(made, "DROP FUNCTION first() CASCADE"):
        assert emit("first") == 1
        assert emit("second") is None
        assert "run SELECT setval(" in caplog.text
    assert events.flush(timeout=30)
    assert messages() == ["first", "second"]


# -- A partitioned table --------------------------------------------------------------------------


@pytest.fixture
def partitioned(scratch_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", scratch_database)
    execute(PARTITIONED)


@pytest.mark.usefixtures("partitioned")
def test_an_event_without_a_partition_waits_and_holds_up_no_other() -> None:
    assert emit("waiting", "auth") is None
    eventually(lambda: emit("good"), "no other is stored")
    execute("CREATE TABLE of_auth PARTITION OF system_events FOR VALUES IN ('auth')")
    assert events.flush(timeout=30)
    assert "waiting" in messages()
    assert dead_letters() == []
    client.close()


@pytest.mark.usefixtures("partitioned")
def test_a_taken_id_in_a_partition_whose_key_has_a_name_of_its_own_is_passed_by() -> None:
    execute(f"{INSERT} SELECT n, 'device', 'info', 'b', '' FROM generate_series(1, 9) AS n")
    assert emit("m") == 10
    client.close()
