"""A database of a bench's own, on the server that `sovi_events.database` names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from sovi_events import database

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def scratch_database(name: str, *, migrate: bool = True) -> Iterator[str]:
    """Create a migrated database and drop it at the end; yield its URL.

    Meanwhile DATABASE_URL names it, so that the library and child processes use it and nothing
    reaches the operator's tables. The user needs CREATEDB. Raises psycopg.OperationalError and
    subprocess.CalledProcessError.
    """
    before = os.environ.get(database.VARIABLE)
    # Asked now: with DATABASE_URL set to the scratch database it would answer with that.
    server: dict[str, Any] = database.parameters()
    own = f"bench_{name}_{os.getpid()}"
    url = database.connection_string(own)
    _maintain(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", own)
    _maintain(server, "CREATE DATABASE {}", own)
    os.environ[database.VARIABLE] = url
    try:
        if migrate:
            _migrate()
        yield url
    finally:
        _restore(before)
        _maintain(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", own)


@contextmanager
def kept_database(name: str) -> Iterator[tuple[str, bool]]:
    """Like `scratch_database`, under this very name, and it stays.

    Yields its URL and whether it is new. One whose first user failed is dropped again.
    """
    before = os.environ.get(database.VARIABLE)
    server: dict[str, Any] = database.parameters()
    url = database.connection_string(name)
    with psycopg.connect(**server, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        is_new = found.fetchone() is None
    if is_new:
        _maintain(server, "CREATE DATABASE {}", name)
    os.environ[database.VARIABLE] = url
    try:
        _migrate()
        yield url, is_new
    except BaseException:
        if is_new:
            _maintain(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        raise
    finally:
        _restore(before)


def _migrate() -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, check=True)


def _restore(before: str | None) -> None:
    if before is None:
        del os.environ[database.VARIABLE]
    else:
        os.environ[database.VARIABLE] = before


def _maintain(server: dict[str, Any], statement: str, name: str) -> None:
    with psycopg.connect(**server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
