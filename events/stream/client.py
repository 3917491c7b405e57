"""One stream: what a client is sent, from where it stands, at its own pace."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import psycopg

from events.web.authentication import Credential

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

TOKEN_SECONDS = 1.0
"""How long the token may lag behind events that a filter left out."""

logger = logging.getLogger(__name__)

Chunks = AsyncGenerator[bytes, None]


class Client:
    """A stream's state is a place and the number of a batch, never a buffer of its own.

    Note: three phases. At first, and whenever the batches it needs are gone from `RecentBatches`,
    the client notes where the follower stands and which batch comes next, without awaiting in
    between; then it reads what it lacks up to there from the database, page by page; then it takes
    batches.
    Where it has read what the follower has not (its token is another process's), `ahead` holds its
    place: that is left out, and tokens say what either has, until both are the same.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        credential: Credential,
        selection: Selection | None = None,
        token: str = "",
        backlog: int = 0,
    ) -> None:
        self.credential = credential
        self.selection = selection
        self._hub = hub
        self._token = token
        self._backlog = backlog
        self._place = NOWHERE
        self._last_sent_token = NOWHERE
        self._ahead_of_hub: ResumeToken | None = None
        self._next_batch = 0
        self._epoch = 0
        self._closed = False
        self._waiter: asyncio.Future[None] | None = None
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
                    self._last_sent = time.monotonic()
        finally:
            self._hub.leave(self)

    # -- Called by the hub ------------------------------------------------------------------------

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self) -> None:
        """End the stream, cleanly; one that is blocked in sending ends when it goes on."""
        self._closed = True
        self.wake()

    def stalled(self, now: float) -> bool:
        since = self._blocked_since
        return since is not None and now - since > self._hub.limits.stall_seconds

    def is_due(self, now: float) -> bool:
        """Whether something is to be said although there is no event for this client."""
        silent = now - self._last_sent
        return silent >= self._hub.limits.keepalive_seconds or (
            silent >= TOKEN_SECONDS and self._last_sent_token != self._place
        )

    # -- What it says, from the first byte on -----------------------------------------------------

    async def _messages(self) -> Chunks:
        hub = self._hub
        yield messages.retry(RETRY_MILLISECONDS)
        async with aclosing(self._until(lambda: hub.follower.ready)) as chunks:
            async for chunk in chunks:
                yield chunk
        if hub.closing:
            return
        yield await self._begin()
        while not hub.closing and not self._closed:
            if self._epoch != hub.follower.epoch:
                yield self._reset("the database is behind what this stream has shown")
            for phase in (self._catch_up(), self._live()):
                async with aclosing(phase) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _until(self, condition: Callable[[], bool]) -> Chunks:
        """Wait until the follower is so, or the stream is over."""
        while not condition() and not self._hub.closing and not self._closed:
            if self.is_due(time.monotonic()):
                yield messages.KEEP_ALIVE
            else:
                await self._wait()

    async def _begin(self) -> bytes:
        """Go to where the token says, or to where the follower is; return what tells so."""
        follower, readers = self._hub.follower, self._hub.readers
        self._epoch = follower.epoch
        place = follower.place
        if self._token:
            try:
                place = parse(self._token, place)
            except ValueError as error:
                return self._reset(str(error))
            if any(it.high > here.high for it, here in zip(place, follower.place, strict=True)):
                for it, last_id in zip(place, await read_last_ids(readers), strict=True):
                    if it.high > last_id:
                        return self._reset(f"{it.high} is above the last id given, {last_id}")
        elif self._backlog:
            events = await read_backlog(readers, place.events, self._backlog, self.selection)
            place = place.moved(EVENTS, events)
        self._place = self._last_sent_token = place
        return messages.identify(place)

    def _reset(self, reason: str) -> bytes:
        self._epoch = self._hub.follower.epoch
        self._place = self._last_sent_token = self._hub.follower.place
        return messages.reset(self._place, reason)

    async def _catch_up(self) -> Chunks:
        """Yield what the follower has and the client lacks, from the database."""
        follower = self._hub.follower
        wait = self._until(lambda: follower.knows(self._place) or not self._goes_on())
        async with aclosing(wait) as chunks:
            async for chunk in chunks:
                yield chunk
        while self._goes_on():
            source, self._next_batch = follower.place, follower.recent.next
            pages = read_pages(self._hub.readers, self._place, source, self.selection)
            try:
                async with aclosing(pages):
                    async for page in pages:
                        self._place = page.place
                        if page.chunk:
                            self._last_sent_token = page.place
                            yield page.chunk
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
                if self.is_due(time.monotonic()):
                    yield self._heartbeat(is_current=batch is None)
                else:
                    await self._wait()
                continue
            self._next_batch += 1
            part = batch if self.selection is None else batch.selected[self.selection]
            if part is None:
                self._closed = True
            elif chunk := self._take(part):
                yield chunk

    def _take(self, batch: RecentBatch) -> bytes:
        """Return what to send of a batch; unfiltered clients share one copy of it."""
        if self._ahead_of_hub is not None:
            return self._take_behind(batch, self._ahead_of_hub)
        self._go_to(batch.place)
        if batch.blocks:
            self._last_sent_token = batch.blocks[-1].place
        return batch.chunk

    def _take_behind(self, batch: RecentBatch, ahead: ResumeToken) -> bytes:
        chunks = []
        for content, place in batch.blocks:
            if not ahead.of(batch.topic).has(content.id):
                self._last_sent_token = place.union(ahead)
                chunks.append(messages.message(self._last_sent_token, content.data, content.name))
        self._go_to(batch.place)
        return b"".join(chunks)

    def _go_to(self, place: ResumeToken) -> None:
        """Stand where the hub does; what was read ahead of it stays read."""
        self._place = place if self._ahead_of_hub is None else place.union(self._ahead_of_hub)
        if self._place == place:
            self._ahead_of_hub = None

    def _heartbeat(self, *, is_current: bool) -> bytes:
        if is_current:
            self._go_to(self._hub.follower.place)  # gaps may have closed since
        if self._last_sent_token == self._place:
            return messages.KEEP_ALIVE
        self._last_sent_token = self._place
        return messages.KEEP_ALIVE + messages.identify(self._place)

    def _goes_on(self) -> bool:
        current = self._epoch == self._hub.follower.epoch
        return current and not self._closed and not self._hub.closing

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
