"""The library's own connections to PostgreSQL, reused between calls."""

import asyncio
import os
import select
import threading
import time
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.abc import Params
from psycopg.rows import dict_row

from . import database, settings, statements
from .errors import DatabaseUnavailable, EventsError, NotMigrated
from .loaders import TOLERANT
from .writing.bounded import BoundedConnection

CONNECT_TIMEOUT_SECONDS = 5
PREPARE_THRESHOLD = 5
SERVER_GRACE_SECONDS = 1.0
"""How much later than its client the server gives a statement up."""

ATTEMPTS = 3
"""Of a statement that PostgreSQL wants sent again: a stricter isolation than ours is the default of
some databases. Each statement here is a transaction of its own, so sending it again is safe."""
SENT_AGAIN = (
    psycopg.errors.SerializationFailure,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.UniqueViolation,  # the id of the record of an action: see `is_taken_action`
)
DRAW_ACTIONS = statements.draw_taken_ids("event_actions")
ISO_DATES = "SET DateStyle = ISO"
"""What psycopg reads. Of all that roles and databases may set it alone is in its way; a pooler that
lends sessions by the transaction keeps it for each of its clients, as it does no other."""

Rows = list[dict[str, Any]]


class SharedConnection:
    """One connection shared by the threads of this process; replaced when it was cut, or forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        os.register_at_fork(after_in_child=self._forget)

    def run(
        self, statement: str, params: Params | None = None, *, prepare: bool | None = None
    ) -> Rows:
        """Execute one statement in a transaction of its own; return its rows as dicts.

        With `prepare` False it is planned for its parameters each time, else after a few times
        perhaps for any. Raises `DatabaseUnavailable`, `NotMigrated`; psycopg's errors of data and
        constraints pass.
        """
        with self._lock, _translated():
            connection = self._usable()
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return connection.execute(statement, params, prepare=prepare).fetchall()
                except SENT_AGAIN as error:
                    if attempt == ATTEMPTS:
                        raise
                    if is_taken_action(error):
                        connection.execute(DRAW_ACTIONS)
                finally:
                    if connection.broken:
                        self._connection = None
            raise AssertionError("unreachable")

    @property
    def session(self) -> object:
        """The connection of the last call; another object once it had to be replaced."""
        return self._connection

    def close(self) -> None:
        """Give the connection back; the next call opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _usable(self) -> psycopg.Connection[dict[str, Any]]:
        if self._connection is not None and is_stale(self._connection.fileno()):
            self._connection.close()
            self._connection = None
        if self._connection is None:
            self._connection = psycopg.connect(
                **_parameters(),
                autocommit=True,
                prepare_threshold=_prepare_threshold(),
                row_factory=dict_row,
                context=TOLERANT,
            )
            if not has_iso_dates(self._connection):
                self._connection.execute(ISO_DATES)
        return self._connection

    def _forget(self) -> None:
        if self._connection is not None:
            abandon(self._connection, in_use=self._lock.locked())
        self._lock = threading.Lock()
        self._connection = None


class AsyncSharedConnection:
    """One connection for each event loop, closed with it."""

    def __init__(self) -> None:
        self._of_loop: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, psycopg.AsyncConnection[dict[str, Any]]
        ] = weakref.WeakKeyDictionary()
        # A lock that was waited for holds its loop, so only those who use it may hold the lock.
        self._lock_of_loop: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, weakref.ref[asyncio.Lock]
        ] = weakref.WeakKeyDictionary()
        os.register_at_fork(after_in_child=self._forget)

    async def run(
        self, statement: str, params: Params | None = None, *, prepare: bool | None = None
    ) -> Rows:
        """`SharedConnection.run`, without blocking the running loop."""
        loop = asyncio.get_running_loop()
        async with self._lock(loop):
            with _translated():
                connection = await self._usable(loop)
                for attempt in range(1, ATTEMPTS + 1):
                    try:
                        cursor = await connection.execute(statement, params, prepare=prepare)
                        return await cursor.fetchall()
                    except SENT_AGAIN as error:
                        if attempt == ATTEMPTS:
                            raise
                        if is_taken_action(error):
                            await connection.execute(DRAW_ACTIONS)
                    finally:
                        if connection.broken:
                            del self._of_loop[loop]
                raise AssertionError("unreachable")

    @property
    def session(self) -> object:
        """The running loop's connection; another object once it had to be replaced."""
        return self._of_loop.get(asyncio.get_running_loop())

    def _lock(self, loop: asyncio.AbstractEventLoop) -> asyncio.Lock:
        known = self._lock_of_loop.get(loop)
        lock = known() if known is not None else None
        if lock is None:
            lock = asyncio.Lock()
            self._lock_of_loop[loop] = weakref.ref(lock)
        return lock

    async def _usable(
        self, loop: asyncio.AbstractEventLoop
    ) -> psycopg.AsyncConnection[dict[str, Any]]:
        connection = self._of_loop.get(loop)
        if connection is not None and is_stale(connection.fileno()):
            del self._of_loop[loop]
            await connection.close()
            connection = None
        if connection is None:
            # The embedded server may have to be started, which takes a while.
            embedded = database.is_embedded()
            parameters = await asyncio.to_thread(_parameters) if embedded else _parameters()
            connection = await psycopg.AsyncConnection.connect(
                **parameters,
                autocommit=True,
                prepare_threshold=_prepare_threshold(),
                row_factory=dict_row,
                context=TOLERANT,
            )
            self._of_loop[loop] = connection
            # A loop that ends can't be awaited any more: let go of the socket with it.
            weakref.finalize(loop, _finish, connection.pgconn, os.getpid())
            if not has_iso_dates(connection):
                await connection.execute(ISO_DATES)
        return connection

    def _forget(self) -> None:
        for connection in self._of_loop.values():
            abandon(connection, in_use=False)
        self._of_loop = weakref.WeakKeyDictionary()
        self._lock_of_loop = weakref.WeakKeyDictionary()


def abandon(connection: psycopg.BaseConnection[Any], *, in_use: bool) -> None:
    """Let go, in a child, of its parent's connection: the goodbye must not reach the server.

    One `in_use` is not freed: where a signal handler forked, the call that it interrupted comes
    back to it in the child, too, and finds that nobody answers any more.
    """
    if not connection.closed:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, connection.pgconn.socket)
        os.close(nowhere)
        if not in_use:
            connection.pgconn.finish()


def bounded(name: str, seconds: float, *, prepare: bool) -> BoundedConnection:
    """Open a connection whose statements end within about `seconds`, also in the server.

    `name` shows the server's administrators its purpose; without `prepare` it works behind a
    pooler that lends connections by the transaction. Raises psycopg.Error.
    """
    opened = BoundedConnection.connect(
        **_parameters() | {"application_name": name, "connect_timeout": max(2, round(seconds))},
        autocommit=True,
        prepare_threshold=0 if prepare else None,
    )
    opened.deadline = time.monotonic() + seconds
    if prepare:  # a setting would stay on a borrowed connection
        milliseconds = int((seconds + SERVER_GRACE_SECONDS) * 1000)
        # The statements are few and simple: a plan made once is as good, and costs nothing.
        opened.execute(
            f"SET statement_timeout = {milliseconds}; SET plan_cache_mode = force_generic_plan",
            prepare=False,
        )
    return opened


def _prepare_threshold() -> int | None:
    """After how many executions a statement is prepared: never where sessions are borrowed."""
    is_wanted = settings.switch(settings.in_effect(), "SOVI_PREPARED_STATEMENTS", default=True)
    return PREPARE_THRESHOLD if is_wanted else None


def _finish(pgconn: psycopg.pq.abc.PGconn, process: int) -> None:
    if os.getpid() == process:  # else the goodbye would end the parent's session
        pgconn.finish()


def _parameters() -> dict[str, Any]:
    defaults = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "sovi.events"}
    # Any text must fit, whatever PGCLIENTENCODING says of this program's terminal.
    return defaults | database.parameters() | {"client_encoding": "utf8"}


def is_taken_action(error: BaseException | None) -> bool:
    """Whether an action has the id that the next one would get: a restore left the sequence."""
    return (
        isinstance(error, psycopg.errors.UniqueViolation)
        and error.diag.constraint_name == statements.ACTIONS_KEY
    )


def has_iso_dates(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether the session writes times as psycopg reads them; asks nobody."""
    return (connection.pgconn.parameter_status(b"DateStyle") or b"ISO").startswith(b"ISO")


def is_stale(socket: int) -> bool:
    """Whether the server sent something unasked, as it does before it closes."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _translated() -> Generator[None]:
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise NotMigrated(
            f"{error.diag.message_primary}: run `manage.py migrate` on this database"
        ) from error
    except psycopg.errors.IntegrityError:
        raise
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(database.unreachable(error)) from error
    except psycopg.Error as error:
        raise EventsError(f"PostgreSQL refused: {' '.join(str(error).split())}") from error
