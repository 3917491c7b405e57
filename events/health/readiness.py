"""Whether this process can serve: its database, the migrations it needs, its streams."""

import asyncio
import logging
import time
from functools import cache
from weakref import WeakKeyDictionary

from django.db.migrations.loader import MigrationLoader

from events.stream.hub import current_hub
from events.web.connection_pool import connect

TIMEOUT_SECONDS = 2.0
FRESH_SECONDS = 1.0
"""How old an answer may be: those who ask meanwhile are given the same."""
STALLED_SECONDS = 60.0
"""Streams whose hub has read nothing for so long are stuck."""

MISSING = """
SELECT needed.app || '.' || needed.name
FROM unnest(%s::text[], %s::text[]) AS needed (app, name)
LEFT JOIN django_migrations USING (app, name)
WHERE django_migrations.app IS NULL
ORDER BY 1
"""
TABLE = b"SELECT FROM system_events LIMIT 1"

logger = logging.getLogger(__name__)


class Readiness:
    """What the processes of one event loop are answered: one question to PostgreSQL at a time."""

    def __init__(self) -> None:
        self._looking: asyncio.Task[bool] | None = None
        self._looked_at = 0.0
        self._reason = ""

    async def is_ready(self) -> bool:
        """Return the answer of at most a second ago; it takes little more than two at most."""
        now = time.monotonic()
        if self._looking is None or (
            self._looking.done() and now - self._looked_at > FRESH_SECONDS
        ):
            self._looking = asyncio.create_task(self._look())
        # Whoever asks may leave; and a server that vanished takes longer to be given up.
        await asyncio.wait({self._looking}, timeout=TIMEOUT_SECONDS + FRESH_SECONDS)
        return self._looking.done() and self._looking.result()

    async def _look(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                reason = _of_streams() or await _of_database()
        except TimeoutError:
            reason = f"PostgreSQL did not answer within {TIMEOUT_SECONDS:g} s"
        except Exception as error:  # whatever it is, it can't serve
            reason = " ".join(str(error).split())
        if reason != self._reason:
            self._reason = reason
            if reason:
                logger.error("Not ready: %s", reason)
            else:
                logger.info("Ready again")
        self._looked_at = time.monotonic()
        return not reason


def _of_streams() -> str:
    hub = current_hub()
    if hub.closing:
        return "the server is stopping"
    lag = hub.lag_seconds
    if lag is not None and lag > STALLED_SECONDS:
        return f"the streams have read nothing for {lag:.0f} s"
    return ""


async def _of_database() -> str:
    connection = await connect("sovi readiness")
    try:
        await connection.execute(TABLE)
        cursor = await connection.execute(MISSING, _migrations())
        missing = [name for (name,) in await cursor.fetchall()]
    finally:
        connection.pgconn.finish()  # at once, also where a question still waits
    return f"run `manage.py migrate`: {', '.join(missing)} is missing" if missing else ""


@cache
def _migrations() -> list[list[str]]:
    """Return the migrations of this version: their apps, and their names."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [list(column) for column in zip(*sorted(loader.disk_migrations), strict=True)]


_current: "WeakKeyDictionary[asyncio.AbstractEventLoop, Readiness]" = WeakKeyDictionary()


def current_readiness() -> Readiness:
    """Return that of the running event loop."""
    return _current.setdefault(asyncio.get_running_loop(), Readiness())
