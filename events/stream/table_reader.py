"""One table that streams follow, read as settled: where reading begins, what each poll finds."""

from typing import Any, NamedTuple, Self

import psycopg
from psycopg.rows import dict_row

from sovi_events.following.position import MAX_GAPS, Position
from sovi_events.following.settled import Tracker
from sovi_events.statements import (
    LOCK_HOLDERS,
    gaps_below,
    last_id,
    newest_id,
    numbering,
    read_above,
    read_late,
)

from .topics import Action, Event, Topic

PAGE_ROWS = 500
LOOKBACK_IDS = 100_000
"""How far below the newest id open transactions are looked for when reading begins."""

Connection = psycopg.AsyncConnection[Any]


class Found(NamedTuple):
    """What a poll found, each with the position after it, and whether there is more to read."""

    contents: list[tuple[Event | Action, Position]]
    more: bool


class Renumbered(Exception):
    """Ids are given out anew: what was read below those found now is of another table."""


class Numbering(NamedTuple):
    """Which numbering of its rows a table has, and how far its sequence has come."""

    name: int
    last_id: int

    @classmethod
    async def read(cls, topic: Topic, connection: Connection) -> Self:
        statement = f"SELECT ({numbering(topic.table)}), ({last_id(topic.table)})"  # noqa: S608
        cursor = await connection.execute(statement.encode())
        return cls(*(await cursor.fetchall())[0])


class Source:
    """For each poll let its tracker capture where that waits, then read. Raises psycopg.Error."""

    def __init__(self, topic: Topic, tracker: Tracker, now: Numbering) -> None:
        self.topic = topic
        self.tracker = tracker
        self.numbering = now
        self._read_above = read_above(topic.table, topic.columns)
        self._read_late = read_late(topic.table, topic.columns)

    @classmethod
    async def begin(cls, topic: Topic, connection: Connection) -> Self:
        """Begin with now; the gaps are what may yet appear below."""
        now = await Numbering.read(topic, connection)
        newest = await _number(connection, newest_id(topic.table))
        floor = max(newest - LOOKBACK_IDS, 0)
        cursor = await connection.execute(
            gaps_below(topic.table).encode(), {"high": newest, "floor": floor}
        )
        tracker = Tracker(newest, await cursor.fetchall(), floor=floor)
        source = cls(topic, tracker, now)
        # Once through: gaps that nobody holds open are closed before anyone sees the position.
        source.tracker.capture(await read_holders(connection))
        await source.read(connection)
        if len(tracker.gaps) > MAX_GAPS:
            tracker.high = tracker.gaps[MAX_GAPS].first - 1
            del tracker.gaps[MAX_GAPS:]
        return source

    async def is_void(self, connection: Connection) -> bool:
        """Whether the table is another than was read, or behind that: its sequence went back."""
        now, before = await Numbering.read(self.topic, connection), self.numbering
        self.numbering = now
        return now.name != before.name or now.last_id < before.last_id

    async def read(self, connection: Connection) -> Found:
        """Read what is new; each row is found once. Raises Renumbered."""
        tracker = self.tracker
        late = {}
        if gaps := tracker.gaps_to_read:
            firsts, lasts = [gap.first for gap in gaps], [gap.last for gap in gaps]
            late = await self._contents(
                connection, self._read_late, {"firsts": firsts, "lasts": lasts}
            )
        above = await self._contents(connection, self._read_above, {"high": tracker.high})
        contents = late | above
        observed = tracker.observe(contents, PAGE_ROWS)
        found = [(contents[row_id], position) for row_id, position in observed]
        return Found(found, bool(found) and PAGE_ROWS in (len(late), len(above)))

    async def _contents(
        self, connection: Connection, statement: str, params: dict[str, Any]
    ) -> dict[int, Event | Action]:
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(statement.encode(), params | {"limit": PAGE_ROWS})
            rows = await cursor.fetchall()
        if any(row["numbering"] != self.numbering.name for row in rows):
            raise Renumbered
        return {row["id"]: self.topic.content(row) for row in rows}


async def read_holders(connection: Connection) -> list[str]:
    """Return who may yet commit rows below those seen."""
    cursor = await connection.execute(LOCK_HOLDERS)
    return [holder for (holder,) in await cursor.fetchall()]


async def _number(connection: Connection, statement: str) -> int:
    cursor = await connection.execute(statement.encode())
    return int((await cursor.fetchall())[0][0])
