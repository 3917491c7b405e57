"""One database a run, on the server `sovi.database` names, and one web server beside it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright
from psycopg import sql

from sovi import database
from sovi.events import client

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
BROWSERS = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Name the test database after this process, so that two runs share one PostgreSQL."""
    from django.db import connections

    connections["default"].settings_dict["TEST"]["NAME"] = f"test_sovi_{os.getpid()}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Show the test database to the producers' library and to child processes as well."""
    from django.db import connections

    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = database.connection_string(
        connections["default"].settings_dict["NAME"]
    )
    yield
    client._link.close()  # or the test database could not be dropped
    if before is None:
        del os.environ["DATABASE_URL"]
    else:
        os.environ["DATABASE_URL"] = before


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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if path is None:
        reason = "No Chromium here: install Debian's package chromium."
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def launch_browser() -> Callable[[], AbstractContextManager[Browser]]:
    """Run Chromium for the length of a block; without one here the test is skipped, but for CI."""
    return chromium
