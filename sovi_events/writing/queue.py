"""Events on their way to the writer, how their callers wait, and groups of one transaction."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from ..record import MANY, Record
from .batch import Batch

EVENTS_PER_TIMEOUT = 10_000
"""A call may take as many times longer as it brings this many events."""
SPOOLING_SHARE, SPOOLING_SECONDS, SPOOLING_SECONDS_AN_EVENT = 0.2, 0.1, 20e-6
"""What is left of a caller's time to keep on disk what PostgreSQL did not take."""
GROUP_EVENTS = MANY - 1
"""Events of several calls in one transaction, at most; a call that brings more is alone."""
IDLE_SECONDS = 1.0
"""How long the writer waits for an event before its thread ends: forks are best without one."""
COMMIT_DELAY_SECONDS = 0.0001
"""How long a group waits for more while it is smaller than the last one was, and grows."""

Ids = list[int | None]


class _Thread(threading.local):
    may_wait = True


this_thread = _Thread()
"""`may_wait` is False in the library's threads and in one that forks: neither waits for itself."""


class PendingEmit:
    """The events of one call. Its thread waits on a lock of its own, which the writer releases."""

    def __init__(self, records: Sequence[Record], timeout_seconds: float) -> None:
        self.batch = Batch(records, [time.time()] * len(records))
        seconds = timeout_seconds * (1 + len(records) / EVENTS_PER_TIMEOUT)
        self.deadline = time.monotonic() + seconds
        spooling = SPOOLING_SECONDS + SPOOLING_SECONDS_AN_EVENT * len(records)
        self.store_until = self.deadline - min(spooling, SPOOLING_SHARE * seconds)
        self.attempted, self.problem = False, ""  # by its caller, which may have stored it; why not
        self.is_given_up = False  # its caller has kept the batch on disk
        self.is_split = False  # the writer stores parts of it by themselves
        self._ids: Ids = []
        self._error: Exception | None = None
        self._prepare()

    def wait(self) -> bool:
        """Wait until the events are stored or spooled; return False at the deadline."""
        return self._woken.acquire(timeout=max(0.0, self.deadline - time.monotonic()))

    def result(self) -> Ids:
        if self._error is not None:
            raise self._error
        return self._ids

    def finish(self, ids: Ids) -> None:
        self._ids = ids
        self._wake()

    def fail(self, error: Exception) -> None:
        self._error = error
        self._wake()

    def _prepare(self) -> None:
        self._woken = threading.Lock()
        self._woken.acquire()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # it was woken before
            self._woken.release()


class AsyncPendingEmit(PendingEmit):
    """The events of one call from an event loop."""

    async def arrive(self) -> bool:
        """`wait`, without blocking the loop."""
        await asyncio.wait([self._future], timeout=max(0.0, self.deadline - time.monotonic()))
        return self._future.done()

    def _prepare(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if not self._future.done():
            self._future.set_result(None)


def groups(
    queue: SimpleQueue[PendingEmit], idle_seconds: Callable[[], float]
) -> Iterator[list[PendingEmit]]:
    """Yield what is to be stored in one transaction, until nothing came for so long.

    Note: commit_delay. Threads whose events were stored in one transaction emit again at once, but
    one after the other: without a moment's delay the first would be stored alone while the others
    queue, each time. A caller that is alone is not delayed.
    """
    last_size = 1
    following: PendingEmit | None = None
    while True:
        try:
            first = following or queue.get(timeout=idle_seconds())
        except Empty:
            return
        group, following = [first], None
        room = GROUP_EVENTS - len(first.batch.records)
        _await_siblings(queue, last_size - 1)
        while room > 0:
            try:
                following = queue.get_nowait()
            except Empty:
                break
            room -= len(following.batch.records)
            if room < 0:
                break
            group.append(following)
            following = None
        last_size = len(group)
        yield group


def _await_siblings(queue: SimpleQueue[PendingEmit], expected: int) -> None:
    # Asleep, not in the queue's `get`: each event that comes would wake it, and stop the others.
    queued = -1
    while queued < queue.qsize() < expected:
        queued = queue.qsize()
        time.sleep(COMMIT_DELAY_SECONDS)
