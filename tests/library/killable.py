"""A PostgreSQL of the tests' own, to be killed, suspended in mid-work, copied and promoted."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from patience import eventually
from psycopg import sql

from sovi_events.embedded import binaries as embedded_binaries
from sovi_events.embedded import home as embedded_home
from sovi_events.embedded.home import SOCKET_NAME, Home
from sovi_events.embedded.server import Server

ROOT = Path(embedded_home.__file__).parents[2]
TEMPLATE = "migrated"


class Killable:
    """A server that runs; its databases are copies of one on which `migrate` has run."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._server = Server(home)
        self._server.start()

    @property
    def socket(self) -> Path:
        return self.home.socket_folder() / SOCKET_NAME

    def url(self, dbname: str) -> str:
        return f"postgresql:///?{urlencode(self._server.parameters(dbname))}"

    def session(self, dbname: str = "postgres") -> psycopg.Connection[Any]:
        """A session that writes even where sessions are made read-only."""
        options = "-c default_transaction_read_only=off"
        return psycopg.connect(self.url(dbname), autocommit=True, options=options)

    # -- Its life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Start after a kill; returns once it takes connections."""
        self._server.start()
        eventually(self._takes_connections, "the server takes no connections")

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        """End every process of it at once, as a crash does; returns once all are gone."""
        pids = self._pids()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(_lives, pids)), "killed processes of PostgreSQL still run")

    def suspend(self) -> None:
        """Let every process stand still: connections are taken by the kernel, nothing answers."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in reversed(self._pids()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def restore(self) -> None:
        """Run again with the settings of the beginning, whatever a test did to it."""
        self.resume()
        if not self._pids():
            self.start()
        with self.session() as session:
            session.execute("ALTER SYSTEM RESET ALL")
            session.execute("SELECT pg_reload_conf()")

    def configure(self, **settings: str) -> None:
        with self.session() as session:
            for name, value in settings.items():
                statement = sql.SQL("ALTER SYSTEM SET {} = {}")
                session.execute(statement.format(sql.Identifier(name), sql.Literal(value)))
            session.execute("SELECT pg_reload_conf()")

    # -- Its databases ----------------------------------------------------------------------------

    def migrate(self) -> None:
        """Make the template of the databases."""
        # What a crash of the machine would need; a crash of the server does not.
        with (self.home.data / "postgresql.conf").open("a") as configuration:
            configuration.write("fsync = off\n")
        self.new_database(TEMPLATE, template="template1")
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.url(TEMPLATE)},
            check=True,
            timeout=120,
        )

    def new_database(self, name: str | None = None, template: str = TEMPLATE) -> str:
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with self.session() as session:
            session.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        with self.session() as session:
            session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    # -- Its standby ------------------------------------------------------------------------------

    @contextmanager
    def standby(self) -> Iterator["Killable"]:
        """A second server that has every commit of this one before the client hears of it."""
        with a_home() as home:
            home.create()
            home.data.mkdir(mode=0o700)
            home.give_to_server(home.data)
            embedded_binaries.choose(home).run(
                *("pg_basebackup", "-h", str(self.socket.parent), "-U", "postgres"),
                *("-D", str(home.data), "-R", "-X", "stream", "--checkpoint=fast"),
            )
            standby = Killable(home)
            try:
                eventually(self._streams, "the standby does not stream")
                self.configure(synchronous_standby_names="*")
                yield standby
            finally:
                standby.kill()

    def promote(self) -> None:
        with self.session() as session:
            session.execute("SELECT pg_promote(wait => true)")

    # -- What it is at ----------------------------------------------------------------------------

    def _takes_connections(self) -> bool:
        try:
            self.session().close()
        except psycopg.OperationalError:
            return False
        return True

    def _streams(self) -> bool:
        with self.session() as session:
            found = session.execute("SELECT FROM pg_stat_replication WHERE state = 'streaming'")
            return bool(found.rowcount)

    def _pids(self) -> list[int]:
        """The postmaster, then its children; none when it does not run."""
        try:
            postmaster = int((self.home.data / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return []
        if not _lives(postmaster):
            return []
        processes = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        return [postmaster, *(pid for pid in processes if _parent(pid) == postmaster)]


def _stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat after the name: the state, the parent, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ["X", "0"]


def _lives(pid: int) -> bool:
    return _stat(pid)[0] not in "XZ"


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


@contextmanager
def a_home() -> Iterator[Home]:
    # Not pytest's folder: PostgreSQL, which does not run as root, must get in.
    folder = Path(tempfile.mkdtemp(prefix="sovi-killable-"))
    folder.chmod(0o755)
    try:
        yield embedded_home.locate(folder)
    finally:
        shutil.rmtree(folder)


@contextmanager
def a_killable() -> Iterator[Killable]:
    with a_home() as home:
        home.create()
        server = Killable(home)
        try:
            server.migrate()
            yield server
        finally:
            server.resume()
            server.stop()
