"""Emit beside the same insert done with psycopg alone."""

import json
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import psycopg
from psycopg.types.json import Jsonb

from sovi import events
from sovi_events import client

from .comparison import Comparison, Measurement, compare, print_table, timed, timed_together
from .scratch import ROOT, scratch_database

CONTEXT = {
    "platform": "tiktok",
    "videos_watched": 45,
    "likes": 3,
    "follows": 1,
    "duration_min": 30.2,
    "phase": "LIGHT",
    "new_state": "warming_p2",
    "warming_day": 5,
}
EVENT: dict[str, Any] = {
    "category": "scheduler",
    "severity": "info",
    "event_type": "warming_complete",
    "message": "Warmed tiktok/grind4829: 45 videos",
    "context": CONTEXT,
}
INSERT = """
INSERT INTO system_events (category, severity, event_type, message, context)
VALUES (%s, %s, %s, %s, %s) RETURNING id
"""
COPY = "COPY system_events (category, severity, event_type, message, context) FROM STDIN"
VALUES = (*tuple(EVENT.values())[:4], Jsonb(CONTEXT))
NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    with scratch_database("emit") as url:
        print_table("ours", "psycopg alone", _comparisons(url, quick))


def _comparisons(url: str, quick: bool) -> Iterator[Comparison]:
    rounds, inserts, many = (2, 10, 100) if quick else (7, 1000, 10_000)
    for threads in (1, 16, 32):
        yield _threads(url, threads, inserts if threads == 1 else inserts // 5, rounds)
    yield _many(url, many, rounds)
    yield _spooled(inserts, rounds)
    ours, raw = partial(_import, "sovi_events"), partial(_import, "psycopg")
    yield compare("import", ours, raw, rounds=2 * rounds)


def _threads(url: str, threads: int, inserts: int, rounds: int) -> Comparison:
    """Compare emit from so many threads with one raw connection for each of them."""
    with ExitStack() as stack:
        raw_inserts = [
            _insert(stack.enter_context(psycopg.connect(url, autocommit=True)))
            for _ in range(threads)
        ]
        return compare(
            f"emit, {threads} thread{'s' if threads > 1 else ''}",
            lambda: timed_together([_emit] * threads, inserts),
            lambda: timed_together(raw_inserts, inserts),
            rounds=rounds,
        )


def _emit() -> object:
    return events.emit(**EVENT)


def _insert(connection: psycopg.Connection[Any]) -> Callable[[], object]:
    return lambda: connection.execute(INSERT, VALUES, prepare=True).fetchone()


def _many(url: str, many: int, rounds: int) -> Comparison:
    """Compare `emit_many` with COPY, which answers no ids."""
    with psycopg.connect(url, autocommit=True) as connection:

        def copy() -> None:
            with connection.cursor().copy(COPY) as rows:
                for _ in range(many):
                    rows.write_row(VALUES)

        return compare(
            f"emit_many({many:,}), COPY",
            lambda: timed(lambda: events.emit_many([EVENT] * many)),
            lambda: timed(copy),
            rounds=rounds,
            items=many,
        )


def _spooled(inserts: int, rounds: int) -> Comparison:
    """Compare emit while PostgreSQL is away with a bare insert into SQLite, as durable."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        bare = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
        stack.callback(bare.close)
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, content TEXT)")
        content = json.dumps(EVENT)
        variables = {"DATABASE_URL": NOBODY, "SOVI_SPOOL_DIR": str(folder)}
        stack.enter_context(patch.dict(os.environ, variables))
        client.close()  # the next event reads the environment
        stack.callback(client.close)
        said = logging.getLogger("sovi_events")
        stack.callback(said.setLevel, said.level)
        said.setLevel(logging.ERROR)  # that nobody answers is what was asked for
        _emit()
        return compare(
            "emit while it is away, SQLite",
            lambda: timed(_emit, inserts),
            lambda: timed(
                lambda: bare.execute("INSERT INTO event (content) VALUES (?)", [content]), inserts
            ),
            rounds=rounds,
        )


def _import(module: str) -> Measurement:
    """Measure an import in a fresh interpreter, whose own start is left out."""
    # Time on the CPU: what the files of a busy machine's cache cost is not ours.
    program = (
        "import time; began = time.process_time(); "
        f"import {module}; print(time.process_time() - began)"
    )
    command = [sys.executable, "-c", program]
    seconds = float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    return Measurement(seconds, [seconds])
