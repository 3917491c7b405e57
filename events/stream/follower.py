"""Follows the table for all streams of a process: one task, one connection."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

import psycopg

from sovi.events.position import MAX_GAPS, Position
from sovi.events.settled import Tracker
from sovi.events.statements import GAPS_BELOW, HOLDERS, LAST_ID, NEWEST_ID, READ_NEW

from .connections import connect
from .recent import Batch, Block, Recent, block
from .rows import read
from .selection import Selection, matching

CHANNEL = "system_events"

QUICK_SECONDS = 0.1
QUICK_POLLS = 3
"""While there is traffic, polls are quick: until so many found nothing."""
IDLE_SECONDS = 1.0
GAPS_QUICK_SECONDS = 5.0
"""How long after the last event open gaps keep the polls quick."""
POLL_TIMEOUT_SECONDS = 30.0
BACKOFF_SECONDS = (0.1, 5.0)
PAGE_ROWS = 500
LOOKBACK_IDS = 10_000

logger = logging.getLogger(__name__)


class Follower:
    """What was committed, in batches, each event once; clients look on, it knows none of them.

    `changed` is called whenever there is something new to see; `selections` names the filters that
    batches are matched against. `ready` turns true with the first position; `epoch` counts up when
    the database turns out to be behind what was read from it: then no position is valid any more.
    """

    def __init__(
        self, *, changed: Callable[[], None], selections: Callable[[], Collection[Selection]]
    ) -> None:
        self.recent = Recent()
        self.epoch = 0
        self.polls = 0
        self._changed = changed
        self._selections = selections
        self._tracker: Tracker | None = None
        self._unmatched: deque[Batch] = deque()
        self._empty_polls = 0
        self._last_event = 0.0

    @property
    def ready(self) -> bool:
        return self._tracker is not None

    @property
    def position(self) -> Position:
        """Where all that was published leads. Only once `ready`."""
        return self._begun().position

    async def run(self) -> None:
        """Follow until cancelled, over lost connections and restarts of PostgreSQL."""
        delay, longest = BACKOFF_SECONDS
        while True:
            polls = self.polls
            try:
                connection = await connect("sovi stream hub")
                try:
                    await self._follow(connection)
                finally:
                    await connection.close()
            except (psycopg.OperationalError, TimeoutError, OSError) as error:
                logger.warning("The event stream lost PostgreSQL, connecting again: %s", error)
            except Exception:  # whatever it was, the streams depend on trying again
                logger.exception("The event stream failed, connecting again")
            delay = BACKOFF_SECONDS[0] if self.polls > polls else min(delay * 2, longest)
            await asyncio.sleep(delay)

    async def _follow(self, connection: psycopg.AsyncConnection[Any]) -> None:
        # Before the first read: what is committed after it is notified.
        await connection.execute(f"LISTEN {CHANNEL}")
        async with asyncio.timeout(POLL_TIMEOUT_SECONDS):
            await self._begin_or_go_on(connection)
        while True:
            async with asyncio.timeout(POLL_TIMEOUT_SECONDS):
                more = await self._poll(connection)
                if self._empty_polls > QUICK_POLLS:
                    await self._begin_or_go_on(connection, reconnected=False)
            if not more:
                await self._rest(connection)

    async def _begin_or_go_on(
        self, connection: psycopg.AsyncConnection[Any], *, reconnected: bool = True
    ) -> None:
        """Begin where there is no position, or it is void: the sequence is behind it."""
        if self._tracker is not None:
            last: int = (await _rows(connection, LAST_ID))[0][0]
            if last >= self._tracker.high:
                if reconnected:
                    self._tracker.reconnected()
                return
            logger.warning("The database is behind what was read from it: resetting the streams")
            self._unmatched.clear()
            self.epoch += 1
        self._tracker = await _begin(connection)
        self._changed()

    async def _poll(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        """Publish what is new, then what of it each selection matches; return whether to go on."""
        tracker = self._begun()
        while self._unmatched:  # left over where the connection was lost in between
            await self._match(connection, self._unmatched[0])
            self._unmatched.popleft()
        blocks, more = await _read_new(connection, tracker)
        self.polls += 1
        self._empty_polls += 1
        if not blocks:
            return False
        self._empty_polls = 0
        self._last_event = time.monotonic()
        batch = Batch(blocks)
        self.recent.append(batch)
        self._unmatched.append(batch)
        self._changed()
        await self._match(connection, batch)
        self._unmatched.popleft()
        return more

    async def _match(self, connection: psycopg.AsyncConnection[Any], batch: Batch) -> None:
        selections = self._selections()
        if not selections:
            return
        ids = [block.event_id for block in batch.blocks]
        try:
            found = await matching(connection, selections, ids)
            for selection in selections:
                batch.select(selection, found[selection])
        except psycopg.Error:
            if connection.closed:
                raise
            await self._match_each(connection, selections, batch, ids)
        self._changed()

    async def _match_each(
        self,
        connection: psycopg.AsyncConnection[Any],
        selections: Collection[Selection],
        batch: Batch,
        ids: list[int],
    ) -> None:
        """Find the selection that PostgreSQL refuses, so that it ends its own streams only."""
        for selection in selections:
            try:
                batch.select(selection, (await matching(connection, [selection], ids))[selection])
            except psycopg.Error as error:
                if connection.closed:
                    raise
                logger.warning("A stream's filter failed: %s", error)
                batch.select(selection, None)

    async def _rest(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Wait for a notification, or for the next poll's time: raw SQL notifies nobody."""
        waiting = self._begun().gaps and time.monotonic() - self._last_event < GAPS_QUICK_SECONDS
        quick = self._empty_polls <= QUICK_POLLS or waiting
        timeout = QUICK_SECONDS if quick else IDLE_SECONDS
        async for _ in connection.notifies(timeout=timeout, stop_after=1):
            self._empty_polls = 0

    def _begun(self) -> Tracker:
        if self._tracker is None:
            raise RuntimeError("the follower has not begun")
        return self._tracker


async def _begin(connection: psycopg.AsyncConnection[Any]) -> Tracker:
    """Return a tracker that begins now; its gaps are what may yet appear below."""
    newest: int = (await _rows(connection, NEWEST_ID))[0][0]
    gaps = await _rows(connection, GAPS_BELOW, {"high": newest, "lookback": LOOKBACK_IDS})
    tracker = Tracker(newest, gaps)
    # Once through: gaps that nobody holds open are closed before anyone sees the position.
    await _read_new(connection, tracker)
    if len(tracker.gaps) > MAX_GAPS:
        tracker.high = tracker.gaps[MAX_GAPS].first - 1
        del tracker.gaps[MAX_GAPS:]
    return tracker


async def _read_new(
    connection: psycopg.AsyncConnection[Any], tracker: Tracker
) -> tuple[list[Block], bool]:
    """Return the events to deliver, and whether there are more to read at once."""
    tracker.capture(holder for (holder,) in await _rows(connection, HOLDERS))
    data = await read(connection, READ_NEW, tracker.read_params(PAGE_ROWS))
    late = sum(event_id <= tracker.high for event_id in data)
    delivered = tracker.observe(data, PAGE_ROWS)
    blocks = [block(event_id, position, data[event_id]) for event_id, position in delivered]
    return blocks, bool(blocks) and max(late, len(data) - late) >= PAGE_ROWS


async def _rows(
    connection: psycopg.AsyncConnection[Any], statement: str, params: dict[str, int] | None = None
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(statement.encode(), params)).fetchall()
