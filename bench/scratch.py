"""A database of a bench's own, on the server that `sovi_events.database` names."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import django
import psycopg
from psycopg import sql

from sovi_events import database

ROOT = Path(__file__).resolve().parent.parent
DROP = "DROP DATABASE IF EXISTS {} WITH (FORCE)"


@contextmanager
def scratch_database(name: str, *, migrate: bool = True) -> Iterator[str]:
    """Create a migrated database and drop it at the end; yield its URL.

    Meanwhile DATABASE_URL names it, so that the library and child processes use it and nothing
    reaches the operator's tables. The user needs CREATEDB. Raises psycopg.OperationalError and
    subprocess.CalledProcessError.
    """
    # Asked now: with DATABASE_URL set to the scratch database it would answer with that.
    server: dict[str, Any] = database.parameters()
    own = f"bench_{name}_{os.getpid()}"
    _maintain(server, DROP, own)
    try:
        with kept_database(own, migrate=migrate) as (url, _):
            yield url
    finally:
        _maintain(server, DROP, own)


@contextmanager
def kept_database(name: str, *, migrate: bool = True) -> Iterator[tuple[str, bool]]:
    """Like `scratch_database`, under this very name, and it stays.

    Yields its URL and whether it is new. One whose first user failed is dropped again.
    """
    server: dict[str, Any] = database.parameters()
    url = database.connection_string(name)
    with psycopg.connect(**server) as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        is_new = found.fetchone() is None
    if is_new:
        _maintain(server, "CREATE DATABASE {}", name)
    try:
        with patch.dict(os.environ, {database.VARIABLE: url}):
            if migrate:
                manage("migrate", "--verbosity", "0")
            yield url, is_new
    except BaseException:
        if is_new:
            _maintain(server, DROP, name)
        raise


def manage(*arguments: str, **variables: str) -> str:
    """Run a command of manage.py in the database that DATABASE_URL names; return its stdout."""
    command = [sys.executable, "manage.py", *arguments]
    environment = os.environ | variables
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


def make_user() -> str:
    """Make the superuser `bench`, whose password is its name; return a token."""
    user = ("--noinput", "--username", "bench", "--email", "")
    manage("createsuperuser", *user, DJANGO_SUPERUSER_PASSWORD="bench")  # noqa: S106
    return manage("create_api_token", "bench").strip()


def set_up_django() -> None:
    """Load Django, once DATABASE_URL names the database: its settings are read but once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sovi_site.settings")
    django.setup()


def _maintain(server: dict[str, Any], statement: str, name: str) -> None:
    with psycopg.connect(**server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
