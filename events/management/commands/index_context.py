"""`manage.py index_context`: build the index on values of the context, or drop it."""

import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.state import ProjectState

from events.indexes import (
    CONTEXT_DEFINITION,
    CONTEXT_INDEX,
    BuildIndexConcurrently,
    DropIndexConcurrently,
)
from events.reading.raw_sql import read_rows

BUILD = f"CREATE INDEX CONCURRENTLY {CONTEXT_INDEX} ON system_events {CONTEXT_DEFINITION}"
DROP = f"DROP INDEX CONCURRENTLY {CONTEXT_INDEX}"

AGAIN = "Run it again, or with --drop: a build that was cut is no use, and costs inserts the same."

_ONE_AT_A_TIME = 8317708086930431599


class Command(BaseCommand):
    """Safe to stop, and to run again: what a build that was cut has left is dropped first."""

    help = (
        "Build the index that finds rare values of the context, without stopping writers. With it "
        "COPY takes some 8% longer, an INSERT hardly; --drop removes it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--drop", action="store_true", help="remove the index")

    def handle(self, *args: Any, drop: bool, **options: Any) -> None:
        operation = (DropIndexConcurrently if drop else BuildIndexConcurrently)(CONTEXT_INDEX)
        connection.ensure_connection()
        state = ProjectState()
        with (
            _one_at_a_time(),
            _explained(DROP if drop else BUILD),
            connection.schema_editor(atomic=False) as editor,
        ):
            operation.database_forwards("events", editor, state, state)
        self.stdout.write(f"{CONTEXT_INDEX} {'is gone' if drop else 'stands'}.")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep a second process from taking an index that is being built for one that was left."""
    [(is_alone,)] = read_rows("SELECT pg_try_advisory_lock(%s)", [_ONE_AT_A_TIME])
    if not is_alone:
        raise CommandError("Another process is building or dropping it; this one has done nothing.")
    try:
        yield
    finally:
        if connection.is_usable():
            read_rows("SELECT pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])


@contextmanager
def _explained(statement: str) -> Iterator[None]:
    """Say what to do about PostgreSQL's refusal; `statement` is what it refused."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Stopped. {AGAIN}", returncode=128 + signal.SIGINT) from None
    except Error as error:
        raise CommandError(f"{_reason(error)}.\n{_advice(error, statement)}") from error


def _reason(error: Error) -> str:
    cause = error.__cause__
    said = cause.diag.message_primary if isinstance(cause, psycopg.Error) else None
    return said or " ".join(str(error).split())


def _advice(error: Error, statement: str) -> str:
    match error.__cause__:
        case psycopg.errors.InsufficientPrivilege():
            return f"Let the table's owner run, in this database: {statement};"
        case psycopg.errors.FeatureNotSupported():
            statement = statement.replace(" CONCURRENTLY", "")
            return f"Run, while nothing writes the table, as its owner: {statement};"
        case psycopg.errors.UndefinedTable():
            return "Run `manage.py migrate` first."
    return AGAIN
