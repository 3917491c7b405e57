"""Follows the tables for all streams of a process: one task, one connection."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection

import psycopg

from events.web.connection_pool import connect

from .recent_batches import Frame, RecentBatch, RecentBatches
from .resume_token import ResumeToken
from .selection import Selection, matching
from .table_reader import Connection, Renumbered, Source, read_holders
from .topics import TOPICS
from .watch import Watch

CHANNEL = "system_events"

QUICK_SECONDS = 0.1
QUICK_POLLS = 3
"""While there is traffic, polls are quick: until so many found nothing."""
IDLE_SECONDS = 1.0
GAPS_QUICK_SECONDS = 5.0
"""How long after the last event open gaps keep the polls quick."""
POLL_TIMEOUT_SECONDS = 30.0
BACKOFF_SECONDS = (0.1, 5.0)

logger = logging.getLogger(__name__)


class Follower:
    """What was committed, in batches, each event once; clients look on, it knows none of them.

    `changed` is called whenever there is something new to see; `selections` names the filters that
    batches are matched against. `ready` turns true with the first place; `epoch` counts up when the
    database turns out to be behind what was read from it, or its ids to be given out anew: then no
    place is valid any more.
    """

    def __init__(
        self, *, changed: Callable[[], None], selections: Callable[[], Collection[Selection]]
    ) -> None:
        self.recent = RecentBatches()
        self.epoch = 0
        self.polls = 0
        self.polled_at = time.monotonic()
        self._changed = changed
        self._selections = selections
        self._sources: list[Source] = []
        self._unmatched: deque[RecentBatch] = deque()
        self._empty_polls = 0
        self._last_event = 0.0
        self._watch = Watch()

    @property
    def ready(self) -> bool:
        return bool(self._sources)

    @property
    def place(self) -> ResumeToken:
        """Where all that was published leads. Only once `ready`."""
        events, actions = self._sources
        return ResumeToken(events.tracker.position, actions.tracker.position, events.numbering.name)

    @property
    def open_gaps(self) -> int:
        """How many ranges of ids below those read may still be committed."""
        return sum(len(source.tracker.gaps) for source in self._sources)

    def knows(self, place: ResumeToken) -> bool:
        """Whether what a reader there lacks can be read; else transactions may yet commit some."""
        pairs = zip(self._sources, place.positions, strict=True)
        return all(source.tracker.knows(position) for source, position in pairs)

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

    async def _follow(self, connection: Connection) -> None:
        async with asyncio.timeout(POLL_TIMEOUT_SECONDS):
            await self._watch.look(connection)
            # Before the first read: what is committed after it is notified.
            await connection.execute(f"LISTEN {CHANNEL}")
            await self._begin_or_go_on(connection)
        while True:
            async with asyncio.timeout(POLL_TIMEOUT_SECONDS):
                try:
                    more = await self._poll(connection)
                except Renumbered:
                    more, self._empty_polls = True, QUICK_POLLS + 1
                if self._empty_polls > QUICK_POLLS:
                    await self._begin_or_go_on(connection, reconnected=False)
                if self._watch.is_due():
                    await self._watch.look(connection)
            if not more:
                await self._rest(connection)

    async def _begin_or_go_on(self, connection: Connection, *, reconnected: bool = True) -> None:
        """Begin where there is no place, or it is void: of other rows than there are now."""
        if self._sources:
            void = [await source.is_void(connection) for source in self._sources]
            if not any(void):
                for source in self._sources if reconnected else ():
                    source.tracker.reconnected()
                return
            logger.warning(
                "The database is another, or behind what was read from it: resetting the streams"
            )
        sources = [await Source.begin(topic, connection) for topic in TOPICS]
        if self._sources:
            self._unmatched.clear()
            self.epoch += 1
        self._sources = sources
        self._changed()

    async def _poll(self, connection: Connection) -> bool:
        """Publish what is new, then what of it each selection matches; return whether to go on."""
        while self._unmatched:  # left over where the connection was lost in between
            await self._match(connection, self._unmatched[0])
            self._unmatched.popleft()
        if any(source.tracker.waits for source in self._sources):
            # One capture serves both tables: who writes actions holds the events' lock as well.
            holders = await read_holders(connection)
            for source in self._sources:
                source.tracker.capture(holders)
        self._empty_polls += 1
        more = False
        for source in self._sources:
            place, found = self.place, await source.read(connection)
            more |= found.more
            if found.contents:
                blocks = [
                    Frame(content, place.moved(source.topic, position))
                    for content, position in found.contents
                ]
                await self._publish(connection, RecentBatch(source.topic, blocks, blocks[-1].place))
        self.polls += 1
        self.polled_at = time.monotonic()
        return more

    async def _publish(self, connection: Connection, batch: RecentBatch) -> None:
        self._empty_polls = 0
        self._last_event = time.monotonic()
        self.recent.append(batch)
        self._unmatched.append(batch)
        self._changed()
        await asyncio.sleep(0)  # clients send before anything else is asked
        await self._match(connection, batch)
        self._unmatched.popleft()

    async def _match(self, connection: Connection, batch: RecentBatch) -> None:
        if selections := self._selections():
            await self._select(connection, batch, selections)
            self._changed()

    async def _select(
        self, connection: Connection, batch: RecentBatch, selections: Collection[Selection]
    ) -> None:
        """Match them in one statement; where PostgreSQL refuses it, each in one of its own.

        So a selection that it refuses ends its own streams only.
        """
        try:
            found = await matching(connection, batch.topic, selections, batch.event_ids)
            for selection in selections:
                batch.select(selection, found[selection])
        except psycopg.Error as error:
            if connection.closed:
                raise
            if len(selections) > 1:
                for selection in selections:
                    await self._select(connection, batch, [selection])
            else:
                logger.warning("A stream's filter failed: %s", error)
                batch.selected |= dict.fromkeys(selections)

    async def _rest(self, connection: Connection) -> None:
        """Wait for a notification, or for the next poll's time: raw SQL notifies nobody."""
        waiting = any(source.tracker.waits for source in self._sources)
        recently = time.monotonic() - self._last_event < GAPS_QUICK_SECONDS
        quick = self._empty_polls <= QUICK_POLLS or (waiting and recently)
        timeout = QUICK_SECONDS if quick else IDLE_SECONDS
        async for _ in connection.notifies(timeout=timeout, stop_after=1):
            self._empty_polls = 0
