"""The writer: one thread of a process that stores what its threads and event loops emit."""

import _thread
import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from queue import SimpleQueue

from ..record import Record
from ..spool import file as spool_file
from ..spool.store import NOT_SENT, SENT, SPLIT
from .delivery import Delivery
from .queue import IDLE_SECONDS, AsyncPendingEmit, Ids, PendingEmit, groups, this_thread

logger = logging.getLogger(__name__)

CLOSE_SECONDS, CLOSE_PAUSE_SECONDS = 2.0, 0.001


class Writer:
    """Stores events in the order they came, as the settings were when it was made.

    Note: why a thread. Python runs signal handlers in the main thread alone. Whatever one raises,
    and wherever, it meets no lock: a caller puts its events into a `SimpleQueue`, whose `put` may
    be interrupted by another, and waits on a lock of its own, or stores on a connection that nobody
    else has meanwhile (`Delivery.store_alone`). One that is taken away by an exception leaves
    nothing to put right; a handler that emits waits like any other. Those that may not wait, and
    those whose time runs out, put their batch on disk by themselves, in a file of its own, which
    needs nobody's lock. It has the batch's receipt: should the writer store it too, it is stored
    once.
    """

    def __init__(self) -> None:
        """Connects to nothing. Raises `ConfigurationError` and DatabaseConfigurationError."""
        self.delivery = Delivery()
        self._queue: SimpleQueue[PendingEmit] = SimpleQueue()
        self.process = os.getpid()
        self._is_closed, self._idle_seconds = False, IDLE_SECONDS
        self._is_running = threading.Lock()  # held by the thread as long as it runs
        self._on_their_way: set[PendingEmit] = set()

    def store(self, records: Sequence[Record]) -> Ids:
        """Store events; return their ids once they are durable, None for those in the spool.

        Raises `InvalidEvent` of events that are checked when they are read.
        """
        pending = PendingEmit(records, self.delivery.timeout_seconds)
        if not self._may_wait():
            return self.delivery.keep_in_file(pending.batch, NOT_SENT)
        if len(records) == 1 and (ids := self.delivery.store_alone(pending)):
            return ids
        self._enqueue(pending)
        return pending.result() if pending.wait() else self._give_up(pending)

    async def store_from_loop(self, records: Sequence[Record]) -> Ids:
        """`store`, without blocking the running loop."""
        if not self._may_wait():
            return self.store(records)
        pending = AsyncPendingEmit(records, self.delivery.timeout_seconds)
        self._enqueue(pending)
        if await pending.arrive():
            return pending.result()
        try:
            return await asyncio.to_thread(self._give_up, pending)
        except RuntimeError:  # the interpreter is ending
            return self._give_up(pending)

    def flush(self, seconds: float) -> bool:
        """Wait at most so long until nothing is on its way or waits; return whether that is so.

        False at once where none may wait: in finalizers of the library's threads, and at the end.
        """
        if not self._may_wait():
            return False
        if seconds <= 0:
            return not self._on_their_way and self.delivery.is_clear
        ahead = PendingEmit([], seconds)
        self._enqueue(ahead)
        return ahead.wait() and self.delivery.maintenance.run_through(ahead.deadline)

    def close(self) -> None:
        """Give the connection back once what is on its way has arrived."""
        self._is_closed, self._idle_seconds = True, 0.0
        self._enqueue(PendingEmit([], CLOSE_SECONDS))
        deadline = time.monotonic() + CLOSE_SECONDS
        while not self.delivery.is_closed and time.monotonic() < deadline:
            time.sleep(CLOSE_PAUSE_SECONDS)

    def _may_wait(self) -> bool:
        return this_thread.may_wait and not sys.is_finalizing()  # then no other thread runs

    def _enqueue(self, pending: PendingEmit) -> None:
        self._on_their_way.add(pending)
        try:
            self._queue.put(pending)
        except BaseException:
            self._on_their_way.discard(pending)
            raise
        if self._is_running.locked():
            return
        try:
            _thread.start_new_thread(self._run, ())  # takes no lock in Python code
        except RuntimeError:  # the interpreter is ending: the caller is the writer
            self._idle_seconds = 0.0
            self._run()

    def _run(self) -> None:
        """Store until nothing comes; of several threads that are started at once, one does."""
        this_thread.may_wait = False
        try:
            while not self._queue.empty() and self._is_running.acquire(blocking=False):
                try:
                    for group in groups(self._queue, lambda: self._idle_seconds):
                        self._deliver(group)
                        if len(group) == 1 and not self._is_closed:
                            self.delivery.lend()
                    if self._is_closed:  # here: nobody else uses the connection now
                        self.delivery.close()
                finally:
                    self._is_running.release()
        finally:
            this_thread.may_wait = True

    def _deliver(self, group: list[PendingEmit]) -> None:
        try:
            self.delivery.deliver(group)
        except Exception:  # whatever it was, others are waiting
            for pending in group:
                self._rescue(pending)
            logger.exception("Storing events failed; they are kept on disk")
        finally:
            self._on_their_way.difference_update(group)

    def _rescue(self, pending: PendingEmit) -> None:
        try:
            pending.finish(self._give_up(pending))
        except Exception as error:
            pending.fail(error)

    def _give_up(self, pending: PendingEmit) -> Ids:
        """Keep on disk what the writer did not get to, or may still be at."""
        pending.is_given_up = True
        if not pending.batch.records:
            return []
        return self.delivery.keep_in_file(pending.batch, SPLIT if pending.is_split else SENT)


_making = threading.RLock()
_current: Writer | None = None
_inherited: list[Writer] = []
"""Of this process's parent: kept, or their connections and files would be closed here, too."""


def current() -> Writer:
    """Return this process's writer. Raises as `Writer` does."""
    global _current
    writer = _current
    if writer is not None:
        if writer.process == os.getpid():
            return writer
        _begin_in_child()  # a signal handler raised in place of it
    with _making:  # a signal handler that emits here enters it again
        made = Writer()
        if _current is None:
            _current = made
        return _current


def close() -> None:
    """Give the connection back; the next event reads the settings and opens another."""
    global _current
    writer, _current = _current, None
    if writer is not None:
        writer.close()


def _begin_in_child() -> None:
    global _current, _making
    _making = threading.RLock()
    if _current is not None:
        _current.delivery.abandon()
        _inherited.append(_current)
    _current = None


# What is registered last comes first before a fork, and last after it. Where a signal handler
# raises there, functions in Python are skipped: what must not be skipped is in C.
os.register_at_fork(before=spool_file.close_all, after_in_child=_begin_in_child)
os.register_at_fork(
    before=spool_file.lock.acquire,
    after_in_parent=spool_file.lock.release,
    after_in_child=spool_file.lock.release,
)
_may_wait = partial(setattr, this_thread, "may_wait")
os.register_at_fork(
    before=partial(_may_wait, False),
    after_in_parent=partial(_may_wait, True),
    after_in_child=partial(_may_wait, True),
)
