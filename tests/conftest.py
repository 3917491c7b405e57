"""One database a run, on the server `sovi_events.database` names, and one web server beside it."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from chromium import Chromium
from ports import free_port
from psycopg import sql

from sovi_events import client, database

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60

# What a test asks for tells what it needs; the marks are described in pyproject.toml.
NEEDS = {
    "database": {"db", "transactional_db", "django_db_setup", "scratch_database"},
    "browser": {"chromium"},
    "kills": {"killable", "place"},
    "soak": {"soak"},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run the soaks at their full length")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by what it needs, so that no selection is a list of files."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        needs = {mark for mark, fixtures in NEEDS.items() if asked & fixtures}
        needs |= {mark.name for mark in item.iter_markers()} & {"kills", "once", "project"}
        if item.get_closest_marker("django_db"):
            needs.add("database")
        if item.path.parent.name == "project" and "live" not in asked:
            needs.add("project")
        if not needs:
            needs = {"unit", "once"}
        elif needs & {"kills", "project"} or "visit" in asked:
            needs.add("once")
        for mark in needs:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def soak(pytestconfig: pytest.Config) -> bool:
    """Whether a soak has its full length; else it is cut short."""
    return bool(pytestconfig.getoption("--soak"))


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Name the test database after this process, so that two runs share one PostgreSQL."""
    from django.db import connections

    connections["default"].settings_dict["TEST"]["NAME"] = f"test_sovi_{os.getpid()}"


@pytest.fixture(scope="session", autouse=True)
def own_spool(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what tests can't store away from what the operator's programs could not."""
    os.environ["SOVI_SPOOL_DIR"] = str(tmp_path_factory.mktemp("spool"))


@pytest.fixture(scope="session", autouse=True)
def own_bulk_jobs() -> None:
    """Keep the run's web server from taking over the jobs whose runner a test let die."""
    os.environ["SOVI_BULK_WATCH_SECONDS"] = "3600"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Show the test database to the producers' library and to child processes as well."""
    from django.db import connections

    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = database.connection_string(
        connections["default"].settings_dict["NAME"]
    )
    yield
    client.close()  # or the test database could not be dropped
    if before is None:
        del os.environ["DATABASE_URL"]
    else:
        os.environ["DATABASE_URL"] = before


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    from django.conf import settings
    from django.test import override_settings

    with override_settings(
        PASSWORD_HASHERS=["quick_hasher.QuickHasher", *settings.PASSWORD_HASHERS]
    ):
        yield


# What `migrate` made beside the tables, and no test changes.
MADE_BY_MIGRATE = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Empty the tables that hold rows, and keep what is the same for every test."""
    from django.apps import apps
    from django.core.management.commands import flush
    from django.db.backends.base.base import BaseDatabaseWrapper

    from events.web.groups import create_groups

    def make_the_rest(verbosity: int, interactive: bool, database: str) -> None:
        create_groups(apps.get_app_config("events"), using=database)

    def empty_those_with_rows(
        style: object, connection: BaseDatabaseWrapper, **options: bool
    ) -> list[str]:
        tables = set(connection.introspection.django_table_names(only_existing=True))
        with connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"  # noqa: S608
                    for table in sorted(tables - MADE_BY_MIGRATE)
                )
            )
            filled = [table for (table,) in cursor.fetchall()]
        return connection.ops.sql_flush(style, filled, **{**options, "allow_cascade": True})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "sql_flush", empty_those_with_rows)
        patch.setattr(flush, "emit_post_migrate_signal", make_the_rest)
        yield


@pytest.fixture
def scratch_database() -> Iterator[str]:
    """Make an empty database and drop it afterwards; the value is its DATABASE_URL."""
    name = f"test_scratch_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(**database.parameters("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield database.connection_string(name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def port() -> int:
    return free_port()


@dataclass
class Server:
    """A web server on the test database."""

    url: str
    process: subprocess.Popen[bytes]


def start_server(log: Path, port: int | None = None) -> Server:
    """Start uvicorn on a free port of 127.0.0.1; return once it answers `/healthz`."""
    port = port or free_port()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "uvicorn", "sovi_site.asgi:application"),
                *("--port", str(port), "--timeout-graceful-shutdown", "5"),
            ],
            cwd=ROOT,
            stdout=output,
            stderr=output,
        )
    server = Server(f"http://127.0.0.1:{port}", process)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            httpx.get(f"{server.url}/healthz").raise_for_status()
            return server
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > deadline:
                stop_server(server)
                pytest.fail(f"The server did not start:\n{log.read_text()}")
            time.sleep(0.05)


def stop_server(server: Server) -> None:
    server.process.terminate()
    try:
        server.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The web server of the run; a test that needs rows in it uses `transactional_db`."""
    running = start_server(tmp_path_factory.mktemp("server") / "server.log")
    yield running
    stop_server(running)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The Chromium of the run, lent for the length of a block by `chromium.lent()`."""
    shared = Chromium()
    yield shared
    shared.close()
