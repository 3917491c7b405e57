"""One stream: what a client is sent, from its place on, at its own pace."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing

import psycopg

from events.web.authentication import Credential
from events.web.permissions import VIEW_ACTION, VIEWING

from . import messages
from .catch_up import read_backlog, read_last_ids, read_pages
from .hub import Hub
from .recent_batches import RecentBatch
from .resume_token import NOWHERE, ResumeToken, parse
from .selection import Selection
from .topics import EVENTS

RETRY_MILLISECONDS = 3000
PIECE_BYTES = 64 * 1024
"""Progress is counted in pieces: a client that takes one a minute is slow, not dead."""

logger = logging.getLogger(__name__)

Chunks = AsyncGenerator[bytes, None]


class Client:
    """A stream holds its place and the number of a batch, never a buffer of its own.

    Note: its states, one after the other until it is closed.

    beginning     waits for the follower; then its place is the token's, or the follower's
    catching up   notes the follower's place and the number of the next batch, without awaiting in
                  between; then reads what it lacks up to there from the database, page by page
    live          takes batches, until its next one has left `RecentBatches`: catching up again
    reset         where the epoch is not the follower's: its place is the follower's, and it says so
    closed        by the hub, or where PostgreSQL refuses its selection

    While it is catching up or live it may be ahead of the hub: it has read, by way of another
    process, what the follower has not. `_ahead_of_hub` is its place then: what that has is left
    out, and tokens are the union of both places, until they are the same.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        credential: Credential,
        granted: Collection[str] = VIEWING,
        selection: Selection | None = None,
        token: str = "",
        backlog: int = 0,
    ) -> None:
        self.credential = credential
        self.granted = frozenset(granted)
        self.selection = selection
        self._hub = hub
        self._token = token
        self._backlog = backlog
        self._place = NOWHERE
        self._last_sent_token = NOWHERE
        self._token_sent = 0.0
        self._ahead_of_hub: ResumeToken | None = None
        self._next_batch = 0
        self._epoch = 0
        self._closed = False
        self._woken = asyncio.Event()
        self._blocked_since: float | None = None
        self._last_sent = time.monotonic()

    async def chunks(self) -> Chunks:
        """Yield what to send until the server stops; raises TooManyStreams where there is no room.

        Everything is acquired in here, so that a stream that was never begun holds nothing.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a stream is served by a task")
        self._hub.join(self, task)
        try:
            async with aclosing(self._messages()) as chunks:
                async for chunk in chunks:
                    for start in range(0, len(chunk), PIECE_BYTES):
                        if self._closed:
                            return
                        self._blocked_since = time.monotonic()
                        yield chunk[start : start + PIECE_BYTES]
                        self._blocked_since = None
                    if chunk:
                        self._last_sent = time.monotonic()
        finally:
            self._hub.leave(self)

    # -- Called by the hub ------------------------------------------------------------------------

    def wake(self) -> None:
        self._woken.set()

    def end(self) -> None:
        """End the stream, cleanly; one that is blocked in sending ends when it goes on."""
        self._closed = True
        self.wake()

    def stalled(self, now: float) -> bool:
        since = self._blocked_since
        return since is not None and now - since > self._hub.limits.stall_seconds

    def is_due(self, now: float) -> bool:
        """Whether a heartbeat is due, as there is no event for this client."""
        silent = now - self._last_sent
        return silent >= self._hub.limits.keepalive_seconds or self._owes_token(now)

    # -- What it sends, from the first byte on ----------------------------------------------------

    async def _messages(self) -> Chunks:
        hub = self._hub
        yield messages.retry(RETRY_MILLISECONDS)
        while self._is_open and not hub.follower.ready:
            yield await self._rest()
        if self._is_open:
            yield await self._begin()
        while self._is_open:
            if self._epoch != hub.follower.epoch:
                yield self._reset("the database is another, or behind what this stream has shown")
            for phase in (self._catch_up(), self._live()):
                async with aclosing(phase) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _begin(self) -> bytes:
        """Go to the token's place, or to the follower's; return what identifies it."""
        follower, readers = self._hub.follower, self._hub.readers
        self._epoch = follower.epoch
        place = follower.place
        if self._token:
            try:
                place = parse(self._token, place)
            except ValueError as error:
                return self._reset(str(error))
            positions = zip(place.positions, follower.place.positions, strict=True)
            if any(it.high > here.high for it, here in positions):
                for it, last_id in zip(place.positions, await read_last_ids(readers), strict=True):
                    if it.high > last_id:
                        return self._reset(f"{it.high} is above the last id given, {last_id}")
        elif self._backlog:
            events = await read_backlog(readers, place.events, self._backlog, self.selection)
            place = place.moved(EVENTS, events)
        self._place = place
        return self._identify()

    def _reset(self, reason: str) -> bytes:
        self._epoch = self._hub.follower.epoch
        self._place = self._hub.follower.place
        self._has_sent(self._place)
        return messages.reset(self._place, reason)

    async def _catch_up(self) -> Chunks:
        """Yield what the follower has and the client lacks, from the database."""
        follower = self._hub.follower
        while self._goes_on() and not follower.knows(self._place):
            yield await self._rest()
        while self._goes_on():
            source, self._next_batch = follower.place, follower.recent.next
            pages = read_pages(
                self._hub.readers, self._place, source, self.selection, self._shows_actors
            )
            try:
                async with aclosing(pages):
                    async for page in pages:
                        self._place = page.place
                        if page.token is not None:
                            self._has_sent(page.token)
                            yield page.chunk
                        elif self.is_due(time.monotonic()):
                            yield self._heartbeat()
                        if not self._goes_on():
                            return
            except psycopg.Error as error:
                logger.warning("A stream's filter failed: %s", error)
                self._closed = True
                return
            self._ahead_of_hub = None if self._place == source else self._place
            if self._next_batch >= follower.recent.first:
                return

    async def _live(self) -> Chunks:
        """Yield batches as they come, until the next one is gone or the client must start over."""
        recent = self._hub.follower.recent
        while self._goes_on() and self._next_batch >= recent.first:
            batch = recent.get(self._next_batch)
            if batch is None or (self.selection and self.selection not in batch.selected):
                yield await self._rest(is_current=batch is None)
                continue
            self._next_batch += 1
            part = batch if self.selection is None else batch.selected[self.selection]
            if part is None:
                self._closed = True
            elif chunk := self._take(part):
                yield chunk

    def _take(self, batch: RecentBatch) -> bytes:
        """Return what to send of a batch; unfiltered clients share one copy of it."""
        if ahead := self._ahead_of_hub:
            batch = batch.beyond(ahead)
        if batch.blocks:
            self._has_sent(batch.blocks[-1].place)
        self._go_to(batch.place)
        return batch.chunk if self._shows_actors else batch.without_actors

    def _go_to(self, place: ResumeToken) -> None:
        """Stand where the hub does; what was read ahead of it stays read."""
        self._place = place if self._ahead_of_hub is None else place.union(self._ahead_of_hub)
        if self._place == place:
            self._ahead_of_hub = None

    async def _rest(self, *, is_current: bool = False) -> bytes:
        """Return a heartbeat where one is due, else wait and return nothing.

        `is_current` says that the client has sent all that the follower has.
        """
        if not self.is_due(time.monotonic()):
            self._woken.clear()  # of what was looked at just now
            await self._woken.wait()
            return b""
        if is_current:
            self._go_to(self._hub.follower.place)  # gaps may have closed since
        return self._heartbeat()

    def _heartbeat(self) -> bytes:
        owed = self._owes_token(time.monotonic())
        return messages.KEEP_ALIVE + (self._identify() if owed else b"")

    def _identify(self) -> bytes:
        self._has_sent(self._place)
        return messages.identify(self._place)

    def _has_sent(self, token: ResumeToken) -> None:
        self._last_sent_token, self._token_sent = token, time.monotonic()

    def _owes_token(self, now: float) -> bool:
        """Whether the client's token lags behind its place, by what a filter left out, for long."""
        lag = now - self._token_sent
        return self._last_sent_token != self._place and lag >= self._hub.limits.token_seconds

    @property
    def _shows_actors(self) -> bool:
        return VIEW_ACTION in self.granted

    @property
    def _is_open(self) -> bool:
        return not self._closed and not self._hub.closing

    def _goes_on(self) -> bool:
        return self._is_open and self._epoch == self._hub.follower.epoch
