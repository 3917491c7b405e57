"""The streams of one process and event loop: who is connected, and what all of them share."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import psycopg
from django.conf import settings

from events.web.authentication import Credential, Key, find_credentials
from events.web.connection_pool import Readers
from events.web.permissions import VIEWING

from .follower import Follower
from .selection import Selection

CLOSING_SECONDS = 1.0
"""How long a stream that is blocked in sending may take to end when the server stops."""

QUERY_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    keepalive_seconds: float = 15.0
    token_seconds: float = 300.0
    """How long a client's token may lag behind its place: many make an event of a token alone."""
    stall_seconds: float = 60.0
    recheck_seconds: float = 30.0
    clients_per_user: int = 20
    clients: int = 2000


class Stream(Protocol):
    """One of the streams, as the hub sees it."""

    @property
    def credential(self) -> Credential: ...

    @property
    def granted(self) -> frozenset[str]:
        """What its user might view when it began."""

    @property
    def selection(self) -> Selection | None: ...

    def wake(self) -> None:
        """Look whether there is something to send."""

    def end(self) -> None:
        """End the stream."""

    def stalled(self, now: float) -> bool:
        """Whether its client stopped reading."""

    def is_due(self, now: float) -> bool:
        """Whether something is to be sent although there is no event."""


class TooManyStreams(Exception):
    """The user, or the process, has as many streams as it may."""


class Hub:
    """Starts following with the first client and rests with the last.

    Everything here runs on one event loop, and nothing awaits between looking and acting.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.closing = False
        self.clients: dict[Stream, asyncio.Task[Any]] = {}
        self.follower = self._new_follower()
        self.readers = Readers()
        self.clients_of_user: Counter[object] = Counter()
        self._running: asyncio.Task[None] | None = None
        self._resting: set[asyncio.Task[None]] = set()

    @property
    def lag_seconds(self) -> float | None:
        """How long ago the tables were read last; None while there are no streams."""
        return None if self._running is None else time.monotonic() - self.follower.polled_at

    def has_room(self, user_id: object) -> bool:
        return (
            len(self.clients) < self.limits.clients
            and self.clients_of_user[user_id] < self.limits.clients_per_user
        )

    def join(self, client: Stream, task: asyncio.Task[Any]) -> None:
        """Take in a client that `task` serves. It leaves when the task ends, if not before.

        Raises TooManyStreams.
        """
        if not self.has_room(client.credential.user_id):
            raise TooManyStreams
        self.clients[client] = task
        self.clients_of_user[client.credential.user_id] += 1
        task.add_done_callback(lambda _: self.leave(client))
        if self._running is None:
            self.follower = self._new_follower()
            self._running = asyncio.create_task(self._run(self.follower, self.readers))
            self._running.add_done_callback(self._ended)

    def leave(self, client: Stream) -> None:
        """Let a client go; once gone, does nothing."""
        if self.clients.pop(client, None) is None:
            return
        self.clients_of_user[client.credential.user_id] -= 1
        self.clients_of_user += Counter()  # drops those at nought
        if not self.clients and self._running is not None:
            self._resting.add(self._running)  # asyncio itself holds tasks weakly
            self._running.cancel()
            self._rest()

    def close(self) -> None:
        """End every stream: those that wait at once, those blocked in sending a second later."""
        self.closing = True
        self._wake_all()
        asyncio.get_running_loop().call_later(CLOSING_SECONDS, self._cut_all)

    async def find_credentials(self, keys: Collection[Key]) -> dict[Credential, frozenset[str]]:
        """Return those of the keys that are valid, and which of `VIEWING` they may.

        Waits where many ask at once: when a server comes back, all its clients do. Raises
        psycopg.Error, TimeoutError and OSError.
        """
        readers = self.readers
        try:
            async with asyncio.timeout(QUERY_SECONDS), readers.connection() as connection:
                return await find_credentials(connection, keys, VIEWING)
        finally:
            if self._running is None:
                await readers.close_idle(0.0)

    def selections(self) -> set[Selection]:
        return {client.selection for client in self.clients if client.selection is not None}

    async def _run(self, follower: Follower, readers: Readers) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(follower.run())
                group.create_task(self._watch(readers))
                group.create_task(self._recheck())
        finally:
            await readers.close()

    async def _watch(self, readers: Readers) -> None:
        """Wake who has a keep-alive due, and cut who stopped reading: a blocked send can't."""
        while True:
            await asyncio.sleep(min(1.0, self.limits.keepalive_seconds / 2))
            now = time.monotonic()
            for client, task in list(self.clients.items()):
                if client.stalled(now):
                    logger.info("A stream's client did not read for long: cut")
                    task.cancel()
                elif client.is_due(now):
                    client.wake()
            await readers.close_idle()

    async def _recheck(self) -> None:
        """End the streams of users who may see less or more; coming back they learn which."""
        while True:
            await asyncio.sleep(self.limits.recheck_seconds)
            clients = list(self.clients)
            try:
                found = await self.find_credentials({client.credential[:2] for client in clients})
            except (psycopg.Error, TimeoutError, OSError) as error:
                logger.warning("Permissions of open streams could not be checked: %s", error)
                continue
            for client in clients:
                if found.get(client.credential) != client.granted:
                    logger.info("What a stream's user may view has changed: ended")
                    client.end()

    def _rest(self) -> None:
        """The next client starts anew: what runs closes its readers when it ends."""
        self._running = None
        self.readers = Readers()

    def _new_follower(self) -> Follower:
        return Follower(changed=self._wake_all, selections=self.selections)

    def _wake_all(self) -> None:
        for client in self.clients:
            client.wake()

    def _cut_all(self) -> None:
        for task in list(self.clients.values()):
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._resting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The event stream ended, cutting its clients", exc_info=error)
            self._rest()
            self._cut_all()


_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hubs() -> list[Hub]:
    """Return the hubs of this process, to look at from any thread."""
    return list(_hubs.values())


def current_hub() -> Hub:
    """Return the hub of the running event loop."""
    return _hubs.setdefault(
        asyncio.get_running_loop(),
        Hub(
            Limits(
                keepalive_seconds=settings.SOVI_STREAM_KEEPALIVE_SECONDS,
                recheck_seconds=settings.SOVI_STREAM_RECHECK_SECONDS,
                clients_per_user=settings.SOVI_STREAM_CLIENTS_PER_USER,
                clients=settings.SOVI_STREAM_CLIENTS_PER_PROCESS,
            )
        ),
    )
