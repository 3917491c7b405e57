"""One stream: what a client is sent, from where it stands, at its own pace."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import psycopg

from sovi.events.position import Position

from . import messages
from .catch_up import read_last_id, read_pages
from .hub import Hub
from .positions import united
from .recent import Batch
from .selection import Selection

RETRY_MILLISECONDS = 3000
PIECE_BYTES = 64 * 1024
"""Progress is counted in pieces: a client that takes one a minute is slow, not dead."""

TOKEN_SECONDS = 1.0
"""How long the token may lag behind events that a filter left out."""

logger = logging.getLogger(__name__)

Chunks = AsyncGenerator[bytes, None]


class Client:
    """A stream's state is a position and the number of a batch, never a buffer of its own.

    Note: three phases. At first, and whenever the batches it needs are gone from `Recent`, the
    client notes where the follower stands and which batch comes next, without awaiting in between;
    then it reads what it lacks up to there from the database, page by page; then it takes batches.
    Where it has read what the follower has not (its token is another process's), `ahead` holds its
    position: those events are left out, and tokens say what either has, until that is the same.
    """

    def __init__(
        self, hub: Hub, *, user_id: object, selection: Selection | None = None, token: str = ""
    ) -> None:
        self.user_id = user_id
        self.selection = selection
        self._hub = hub
        self._token = token
        self._position = Position(0)
        self._told = Position(0)
        self._ahead: Position | None = None
        self._next_batch = 0
        self._epoch = 0
        self._refused = False
        self._waiter: asyncio.Future[None] | None = None
        self._blocked_since: float | None = None
        self._last_sent = time.monotonic()

    async def chunks(self) -> Chunks:
        """Yield what to send until the server stops; raises Full where there is no room.

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

    def stalled(self, now: float) -> bool:
        since = self._blocked_since
        return since is not None and now - since > self._hub.limits.stall_seconds

    def is_due(self, now: float) -> bool:
        """Whether something is to be said although there is no event for this client."""
        silent = now - self._last_sent
        return silent >= self._hub.limits.keepalive_seconds or (
            silent >= TOKEN_SECONDS and self._told != self._position
        )

    # -- What it says, from the first byte on -----------------------------------------------------

    async def _messages(self) -> Chunks:
        hub = self._hub
        yield messages.retry(RETRY_MILLISECONDS)
        while not hub.follower.ready and not hub.closing:
            if self.is_due(time.monotonic()):
                yield messages.KEEP_ALIVE
            else:
                await self._wait()
        if hub.closing:
            return
        yield await self._begin()
        while not hub.closing and not self._refused:
            if self._epoch != hub.follower.epoch:
                yield self._reset("the database is behind what this stream has shown")
            for phase in (self._catch_up(), self._live()):
                async with aclosing(phase) as chunks:
                    async for chunk in chunks:
                        yield chunk

    async def _begin(self) -> bytes:
        """Go to where the token says, or to where the follower is; return what tells so."""
        follower = self._hub.follower
        self._epoch = follower.epoch
        if not self._token:
            self._position = self._told = follower.position
            return messages.identify(self._position)
        try:
            position = Position.parse(self._token)
        except ValueError as error:
            return self._reset(str(error))
        if position.high > follower.position.high:
            last_id = await read_last_id(self._hub.readers)
            if position.high > last_id:
                return self._reset(f"event {position.high} is above the last id given, {last_id}")
        self._position = self._told = position
        return messages.identify(position)

    def _reset(self, reason: str) -> bytes:
        self._epoch = self._hub.follower.epoch
        self._position = self._told = self._hub.follower.position
        return messages.reset(self._position, reason)

    async def _catch_up(self) -> Chunks:
        """Yield what the follower has and the client lacks, from the database."""
        follower = self._hub.follower
        while self._goes_on():
            source, self._next_batch = follower.position, follower.recent.next
            pages = read_pages(self._hub.readers, self._position, source, self.selection)
            try:
                async with aclosing(pages):
                    async for page in pages:
                        self._position = page.position
                        if page.chunk:
                            self._told = page.position
                            yield page.chunk
                        if not self._goes_on():
                            return
            except psycopg.Error as error:
                logger.warning("A stream's filter failed: %s", error)
                self._refused = True
                return
            self._ahead = None if self._position == source else self._position
            if self._next_batch >= follower.recent.first:
                return

    async def _live(self) -> Chunks:
        """Yield batches as they come, until the next one is gone or the client must start over."""
        recent = self._hub.follower.recent
        while self._goes_on() and self._next_batch >= recent.first:
            batch = recent.get(self._next_batch)
            if batch is None or (self.selection and self.selection not in batch.selected):
                if self.is_due(time.monotonic()):
                    yield self._say_where(is_current=batch is None)
                else:
                    await self._wait()
                continue
            self._next_batch += 1
            if chunk := self._take(batch):
                yield chunk

    def _take(self, batch: Batch) -> bytes:
        """Return what to send of a batch; unfiltered clients share one copy of it."""
        ids, chunk, told = None, batch.chunk, batch.position
        if self.selection is not None:
            selected = batch.selected[self.selection]
            if selected is None:
                self._refused = True
                return b""
            ids, chunk, told = selected.ids, selected.chunk, selected.position or self._told
        if self._ahead is not None:
            return self._take_behind(batch, ids, self._ahead)
        self._position, self._told = batch.position, told
        return chunk

    def _take_behind(self, batch: Batch, ids: frozenset[int] | None, ahead: Position) -> bytes:
        chunks = []
        for block in batch.blocks:
            if not ahead.has(block.event_id) and (ids is None or block.event_id in ids):
                self._told = united(block.position, ahead)
                chunks.append(messages.message(self._told, block.data))
        self._position = united(batch.position, ahead)
        if self._position == batch.position:
            self._ahead = None
        return b"".join(chunks)

    def _say_where(self, *, is_current: bool) -> bytes:
        if is_current and self._ahead is None:
            self._position = self._hub.follower.position  # gaps have closed since
        if self._told == self._position:
            return messages.KEEP_ALIVE
        self._told = self._position
        return messages.KEEP_ALIVE + messages.identify(self._position)

    def _goes_on(self) -> bool:
        current = self._epoch == self._hub.follower.epoch
        return current and not self._refused and not self._hub.closing

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
