"""Logs what keeps the streams from seeing every event, once for each such thing."""

import logging
import time

import psycopg

from events import prerequisites

from .table_reader import Connection

LOOK_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Standby(psycopg.OperationalError):
    """Connected to a server that only reads: wait for the primary."""


class Watch:
    def __init__(self) -> None:
        self._known: set[prerequisites.Obstacle] = set()
        self._looked_at = 0.0

    def is_due(self) -> bool:
        return time.monotonic() - self._looked_at >= LOOK_SECONDS

    async def look(self, connection: Connection) -> None:
        """Log what is new. Raises Standby, where there is nothing to follow."""
        self._looked_at = time.monotonic()
        found = set(await self._find(connection))
        if prerequisites.STANDBY in found:
            raise Standby(str(prerequisites.STANDBY))
        for obstacle in found - self._known:
            logger.warning("%s", obstacle)
        self._known = found

    async def _find(self, connection: Connection) -> list[prerequisites.Obstacle]:
        steps = prerequisites.search()
        statement = next(steps)
        while isinstance(statement, str):
            cursor = await connection.execute(statement.encode())
            statement = steps.send(await cursor.fetchall())
        return statement
