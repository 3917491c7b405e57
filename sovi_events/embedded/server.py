"""One embedded PostgreSQL server: made, started, asked whether it answers, and stopped.

Callers hold the home's mutex, see Note [sharing] in `sovi_events.embedded.client`.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from ..errors import DatabaseConfigurationError
from . import binaries as embedded_binaries
from . import processes
from .binaries import Binaries
from .home import PORT, SOCKET_NAME, Home

START_SECONDS = 90
STOP_SECONDS = 60
LEFTOVER_SECONDS = 20
POLL_SECONDS = 0.02
# fsync, full_page_writes and synchronous_commit keep their safe defaults.
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "max_parallel_workers_per_gather": "0",  # a container's /dev/shm is often 64 MB
    "wal_level": "replica",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgres-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
}
if sys.platform == "darwin":
    # Its fsync leaves what was committed in the drive's cache, see `sovi_events.durable`.
    SETTINGS["wal_sync_method"] = "fsync_writethrough"


class Server:
    """The server of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def parameters(self, dbname: str) -> dict[str, str]:
        """libpq's keywords for a database of the server, which must have been made."""
        host = str(self.home.socket_folder())
        return {"host": host, "port": str(PORT), "user": "postgres", "dbname": dbname}

    def answers(self) -> bool:
        """Whether somebody listens on the socket: a pid file may be stale, a listener cannot."""
        if not self.home.data.is_dir():
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            try:
                probe.connect(str(self.home.socket_folder() / SOCKET_NAME))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except (TimeoutError, BlockingIOError):
                return True  # a listener whose queue is full
        return True

    def start(self) -> None:
        """Start a server that does not answer, after making or repairing what it needs.

        What a crashed one left is removed, once its processes have ended: the pid in its file may
        be another program's by now, because of which PostgreSQL would refuse to start.

        Raises DatabaseConfigurationError.
        """
        for abandoned in self.home.folder.glob("new-*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        binaries = embedded_binaries.choose(self.home)
        if not self.home.data.is_dir():
            self._initialise(binaries)
        self.home.create_socket_folder()
        left = self._leftovers()
        if left and not self._await_end():
            return
        for path in left:
            path.unlink(missing_ok=True)
        self._write_settings()
        deadline = time.monotonic() + (LEFTOVER_SECONDS if left else 0)
        while True:
            try:
                binaries.run(
                    "pg_ctl", "-D", self.home.data, "-w", "-t", str(START_SECONDS), "start"
                )
                return
            except DatabaseConfigurationError:
                # Where old backends cannot be seen, PostgreSQL refuses until the last has ended.
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def create_database(self, name: str) -> None:
        """Wait until the server takes connections, and create the database if it is missing.

        Raises DatabaseConfigurationError when it is not ready after 90 seconds.
        """
        server = make_conninfo(**self.parameters("postgres"))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = psycopg.connect(server, autocommit=True, connect_timeout=5)
                break
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseConfigurationError(
                        f"The PostgreSQL in {self.home.data} does not get ready: {error}"
                    ) from error
                time.sleep(POLL_SECONDS)
        with connection:
            known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            if not known.rowcount:
                identifier = sql.Identifier(name)
                connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))

    def stop(self) -> None:
        """Shut down fast and wait for the end, 60 seconds at most.

        Needs no PostgreSQL programs: a process that only joined may have none.
        """
        pid_file = self.home.data / "postmaster.pid"
        # As the server's account: its file must not lead root to another user's process.
        signalled = subprocess.run(
            ["/bin/sh", "-c", 'read -r pid < postmaster.pid && kill -INT "$pid"'],
            cwd=self.home.data,
            check=False,
            stderr=subprocess.DEVNULL,
            **self.home.run_as,
        )
        if signalled.returncode:
            return  # without its pid file the server stops by itself, within a minute
        deadline = time.monotonic() + STOP_SECONDS
        while pid_file.exists() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if (sockets := self.home.socket_folder()) != self.home.data:
            with suppress(OSError):
                sockets.rmdir()

    def _initialise(self, binaries: Binaries) -> None:
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        locale = builtin if binaries.major >= 17 else ("--locale=C.UTF-8",)
        making = Path(tempfile.mkdtemp(prefix="new-", dir=self.home.folder))
        self.home.give_to_server(making)
        access = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions")
        binaries.run("initdb", "-D", making, *access, *locale)
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW
        with open(os.open(making / "postgresql.conf", flags), "a") as configuration:
            configuration.write(f"\ninclude = '../{self.home.settings.name}'\n")
        making.rename(self.home.data)  # atomic: a killed initdb never looks like a database

    def _write_settings(self) -> None:
        settings = SETTINGS | {
            "cluster_name": processes.cluster_name(self.home.data),
            "unix_socket_directories": f'"{self.home.socket_folder()}"',
        }
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        self.home.settings.write_text("".join(lines))
        self.home.settings.chmod(0o644)

    def _leftovers(self) -> list[Path]:
        """The files that a running server has, and a crashed one leaves behind."""
        sockets = self.home.socket_folder()
        files = (
            self.home.data / "postmaster.pid",
            sockets / SOCKET_NAME,
            sockets / f"{SOCKET_NAME}.lock",
        )
        return [path for path in files if path.exists()]

    def _await_end(self) -> bool:
        """Wait for the processes of a crashed server, which are never ended by us.

        Returns False when it answers after all: macOS refuses who meets a listener's full queue.
        Raises DatabaseConfigurationError.
        """
        deadline = time.monotonic() + LEFTOVER_SECONDS
        while pids := processes.at_work_in(self.home.data):
            if self.answers():
                return False
            if time.monotonic() > deadline:
                raise DatabaseConfigurationError(
                    f"The PostgreSQL processes {pids} still run in {self.home.data} "
                    "but do not answer: end them, then try again."
                )
            time.sleep(POLL_SECONDS)
        return True
