"""`manage.py index_context`: built and dropped beside writers, cut, refused, and checked."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from adopted import DDL, RAW_INSERT, TABLES_OF_SOVI, Database, Writers
from patience import eventually
from streaming import ROOT

from events.indexes import CONTEXT_INDEX

MANAGE = [sys.executable, "manage.py"]


@pytest.fixture
def adopted(scratch_database: str) -> Iterator[Database]:
    """A database with the table as SOVI has it, and an event."""
    with psycopg.connect(scratch_database, autocommit=True) as session:
        session.execute(TABLES_OF_SOVI)
        for block in DDL:
            session.execute(block)
        session.execute(RAW_INSERT)
        yield Database(scratch_database, session)


def refused(database: Database, *arguments: str, **environment: str) -> str:
    """Run `index_context`, which must fail; return what it says."""
    done = run(database.url, *arguments, **environment)
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def run(url: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*MANAGE, "index_context", *arguments],
        cwd=ROOT,
        env=os.environ | environment | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def building(database: Database) -> Iterator["subprocess.Popen[str]"]:
    """Build it beside the block, waiting for another's transaction."""
    with psycopg.connect(database.url) as slow:
        slow.execute(RAW_INSERT)
        process = subprocess.Popen(
            [*MANAGE, "index_context"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database.url},
            # As in a terminal, though the tests run where a shell has Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            eventually(database.build_waits)
            yield process
        finally:
            slow.rollback()
            process.communicate(timeout=60)


def checked(database: Database) -> str:
    """What `check` says."""
    done = subprocess.run(
        [*MANAGE, "check", "--database", "default"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    return done.stderr


def test_it_is_built_and_dropped_while_others_write_and_check_says_which(
    adopted: Database,
) -> None:
    assert CONTEXT_INDEX not in adopted.indexes()
    assert "events.D001" in checked(adopted)
    writers = Writers(adopted.url)
    with writers.writing():
        writers.all_go_on()
        assert f"{CONTEXT_INDEX} stands" in adopted.manage("index_context")
        writers.all_go_on()
        file, is_valid = adopted.indexes()[CONTEXT_INDEX]
        assert is_valid
        assert "context" not in checked(adopted)
        adopted.manage("index_context")
        assert adopted.indexes()[CONTEXT_INDEX] == (file, True), "there is nothing to do twice"
        assert f"{CONTEXT_INDEX} is gone" in adopted.manage("index_context", "--drop")
        adopted.manage("index_context", "--drop")
        writers.all_go_on()
    assert CONTEXT_INDEX not in adopted.indexes()


def test_a_build_that_was_cut_is_told_of_and_done_again(adopted: Database) -> None:
    with building(adopted) as process:
        adopted.rows("SELECT pg_terminate_backend(%s)", [adopted.build_waits()])
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "Run it again" in said
        assert "Traceback" not in said
    file, is_valid = adopted.indexes()[CONTEXT_INDEX]
    assert not is_valid
    assert "events.W004" in checked(adopted)
    adopted.manage("index_context")
    assert adopted.indexes()[CONTEXT_INDEX][1]
    assert adopted.indexes()[CONTEXT_INDEX][0] != file


def test_one_that_was_interrupted_says_what_is_left_and_drop_removes_it(adopted: Database) -> None:
    with building(adopted) as process:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "Run it again" in said
    assert not adopted.indexes()[CONTEXT_INDEX][1]
    adopted.manage("index_context", "--drop")
    assert CONTEXT_INDEX not in adopted.indexes()


def test_a_second_process_leaves_a_build_alone(adopted: Database) -> None:
    with building(adopted):
        for arguments in ((), ("--drop",)):
            assert "Another process" in refused(adopted, *arguments)
    assert adopted.indexes()[CONTEXT_INDEX][1]


def test_who_does_not_own_the_table_is_given_the_statement_for_its_owner(
    adopted: Database,
) -> None:
    role = f"other_{uuid4().hex[:12]}"
    adopted.session.execute(f"CREATE ROLE {role}".encode())
    try:
        other = {"PGOPTIONS": f"-c role={role}"}
        said = refused(adopted, **other)
        assert "must be owner of table system_events" in said
        statement = said.partition("in this database: ")[2].strip()
        adopted.session.execute(statement.encode())
        assert adopted.indexes()[CONTEXT_INDEX][1]
        said = refused(adopted, "--drop", **other)
        adopted.session.execute(said.partition("in this database: ")[2].strip().encode())
        assert CONTEXT_INDEX not in adopted.indexes()
    finally:
        adopted.session.execute(f"DROP ROLE {role}".encode())


def test_of_a_partitioned_table_its_owner_is_given_a_statement_that_works(
    scratch_database: str,
) -> None:
    with psycopg.connect(scratch_database, autocommit=True) as session:
        partitioned = Database(scratch_database, session)
        assert "`manage.py migrate` first" in refused(partitioned)
        session.execute(
            "CREATE TABLE system_events (id bigint, context jsonb) PARTITION BY RANGE (id);"
            "CREATE TABLE first PARTITION OF system_events FOR VALUES FROM (0) TO (1000)"
        )
        for arguments in ((), ("--drop",)):
            said = refused(partitioned, *arguments)
            assert "partitioned" in said
            session.execute(said.partition("as its owner: ")[2].strip().encode())
        assert CONTEXT_INDEX not in partitioned.indexes()


def test_without_a_database_it_says_so() -> None:
    done = run("postgresql://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
