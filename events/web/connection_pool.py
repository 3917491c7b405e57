"""Connections to PostgreSQL of async code, apart from Django's."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from sovi_events import database
from sovi_events.connection import ISO_DATES, has_iso_dates, is_stale
from sovi_events.loaders import TOLERANT

PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""Of a connection: a server that vanished without a word is noticed within half a minute."""

# Any text must fit, whatever PGCLIENTENCODING says of the server's terminal.
_OURS: dict[str, Any] = {"client_encoding": "utf8"}
MAX_READERS = 4
IDLE_SECONDS = 5.0

_unwanted: set[asyncio.Future[psycopg.AsyncConnection[Any]]] = set()
"""Being opened for nobody any more: asyncio itself holds tasks weakly."""


async def connect(application_name: str) -> psycopg.AsyncConnection[Any]:
    """Open a connection in autocommit. Raises psycopg.OperationalError."""
    # The embedded server may have to be started first, which takes a while.
    embedded = database.is_embedded()
    params = await asyncio.to_thread(database.parameters) if embedded else database.parameters()
    opening = asyncio.ensure_future(
        psycopg.AsyncConnection.connect(
            **{**PATIENCE, **params, **_OURS, "application_name": application_name},
            autocommit=True,
            context=TOLERANT,
        )
    )
    try:
        connection = await asyncio.shield(opening)
        if not has_iso_dates(connection):
            await connection.execute(ISO_DATES)
        return connection
    except asyncio.CancelledError:
        # Cancelled half-way, it would stay open until the garbage collector comes along.
        _unwanted.add(opening)
        opening.add_done_callback(_close_unwanted)
        raise


def _close_unwanted(opened: asyncio.Future[psycopg.AsyncConnection[Any]]) -> None:
    _unwanted.discard(opened)
    if not opened.cancelled() and opened.exception() is None:
        opened.result().pgconn.finish()


class Readers:
    """A few connections shared by all who read page by page; closed when idle.

    `application_name` is what an operator sees of them in `pg_stat_activity`.
    """

    def __init__(
        self, limit: int = MAX_READERS, *, application_name: str = "sovi stream reader"
    ) -> None:
        self._free = asyncio.Semaphore(limit)
        self._name = application_name
        self._is_closed = False
        self._idle: list[tuple[float, psycopg.AsyncConnection[Any]]] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Lend a connection for the queries of one page; never hold it while sending."""
        async with self._free:
            connection = self._idle_connection() or await connect(self._name)
            try:
                yield connection
            except BaseException:
                await connection.close()
                raise
            if self._is_closed:
                await connection.close()
            else:
                self._idle.append((time.monotonic(), connection))

    def _idle_connection(self) -> psycopg.AsyncConnection[Any] | None:
        while self._idle:
            _, connection = self._idle.pop()
            if not is_stale(connection.fileno()):
                return connection
            connection.pgconn.finish()
        return None

    async def close(self) -> None:
        """Close them all, those that are lent once they come back."""
        self._is_closed = True
        await self.close_idle(0.0)

    async def close_idle(self, seconds: float = IDLE_SECONDS) -> None:
        """Close those that nobody used for so long."""
        since = time.monotonic() - seconds
        old = [connection for used, connection in self._idle if used <= since]
        self._idle = [(used, connection) for used, connection in self._idle if used > since]
        for connection in old:
            await connection.close()
