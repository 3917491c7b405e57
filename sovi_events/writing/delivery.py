"""Where events go: into the table, or into the spool while the database can't take them."""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence

from .. import database
from ..errors import InvalidEvent
from ..settings import Settings
from ..spool.losses import Losses
from ..spool.store import Spool
from . import insert
from .batch import Batch
from .insert import Cut, Refused, Unavailable
from .maintenance import Keeper

NOTIFY_SECONDS = 0.1
"""How often followers are woken at most; between two reads they look again by themselves."""
BATCHES_PER_PRUNE = 1000
HURRY_SECONDS = 0.2
"""How often the database is tried while somebody waits for the spool to drain."""

logger = logging.getLogger(__name__)


class Delivery:
    """The ways of one process to one database. One thread at a time may `deliver`."""

    def __init__(self) -> None:
        """Raises `ConfigurationError` and DatabaseConfigurationError."""
        self._settings = Settings.read()
        self.timeout_seconds = self._settings.timeout_seconds
        folder = self._settings.spool_folder / database.identity()
        self.spool = Spool(folder, self._settings.spool_bytes)
        self._losses = Losses()
        self._keeper = Keeper(self._settings, self.spool, self._losses)
        self._notified = 0.0
        self._batches = 0
        self._refusal = ""

    def deliver(
        self, parts: list[Batch], apart: Callable[[], Sequence[Batch]], deadline: float
    ) -> list[int | None]:
        """Store the one batch in `parts`, or spool it; return its ids, None where spooled.

        `apart` returns the batches that it was made of, and `deadline` is in `time.monotonic`'s
        seconds. What is not safe yet stays in `parts`, in pieces where PostgreSQL refuses some of
        the events. Raises `InvalidEvent` of events that are checked when they are read.
        """
        count = len(parts[0].records)
        ids: list[int | None] = []
        try:
            while parts:
                try:
                    ids += self._store(parts[0], deadline)
                except Refused as refusal:
                    if len(parts[0].records) > 1:
                        parts[:1] = parts[0].halves()  # at once: a signal may come in between
                        continue
                    self._set_aside(parts[0], str(refusal))
                    ids.append(None)
                del parts[0]
        except NotAttempted:
            if not ids:  # each by itself: there may be room for one and not for another
                parts[:] = apart()
            self._spool(parts)
        except Unavailable:
            self._spool(parts[:1], attempted=True)
            self._spool(parts[1:])
        parts.clear()
        return ids + [None] * (count - len(ids))

    def keep_apart(self, batch: Batch, *, attempted: bool) -> None:
        """Spool a batch without a lock, in a slip, for a thread that may hold any of them."""
        if not self.spool.slips.put(batch, attempted=attempted):
            self._losses.add(batch, "the disk takes no file")

    def keep(self, batch: Batch) -> None:
        """Spool a batch that nobody has tried to store."""
        self._spool([batch])

    def drain(self) -> None:
        """See to it that what waits in the spool is stored."""
        self._keeper.start()

    def flush(self, seconds: float) -> bool:
        """Wait at most so long until nothing waits in the spool; return whether nothing does."""
        deadline = time.monotonic() + seconds
        try:
            while not self.spool.is_empty():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._keeper.start()
                self._keeper.wait(min(left, HURRY_SECONDS))
        except (sqlite3.Error, OSError) as error:
            logger.error("The spool %s can't be read: %s", self.spool.folder, error)
            return False
        return True

    def close(self) -> None:
        """Give the connection back; the next event opens another."""
        self._losses.leave(lambda batch: not self.spool.put([batch], beyond_bound=True))
        self._keeper.close()

    def close_file(self) -> None:
        """Leave nothing open in a child that it must not even close."""
        self.spool.file.close()

    def abandon(self) -> None:
        """Let go, in a child, of what its parent holds open."""
        self._keeper.abandon()

    def _store(self, batch: Batch, deadline: float) -> Sequence[int]:
        """Raises `Refused`, `Unavailable`."""
        for attempt in (1, 2):
            try:
                held = self._keeper.connection(deadline)
            except Unavailable as error:
                if attempt == 1:
                    raise NotAttempted(str(error)) from error
                raise
            try:
                ids = insert.store(held, batch, deadline=deadline, notify=self._may_notify())
            except (Refused, InvalidEvent):
                raise
            except Cut as error:
                self._keeper.discard(held)
                if attempt == 2:
                    self._keeper.fail(str(error))
                    raise
            except Unavailable as error:
                self._keeper.discard(held)
                self._keeper.fail(str(error))
                raise
            except BaseException:
                self._keeper.discard(held)
                raise
            else:
                self._keeper.works()
                self._batches += 1
                if self._batches % BATCHES_PER_PRUNE == 0:
                    self._keeper.prune()
                return ids
        raise AssertionError("unreachable")

    def _may_notify(self) -> bool:
        now = time.monotonic()
        if now - self._notified < NOTIFY_SECONDS:
            return False
        self._notified = now
        return True

    def _spool(self, batches: Sequence[Batch], *, attempted: bool = False) -> None:
        if not batches:
            return
        for batch, reason in self.spool.put(batches, attempted=attempted):
            self._losses.add(batch, reason)
        self._keeper.start()

    def _set_aside(self, batch: Batch, reason: str) -> None:
        if reason != self._refusal:  # said once for many alike
            self._refusal = reason
            logger.error(
                "PostgreSQL refused an event; see `python -m sovi_events.spool status`: %s", reason
            )
        if not self.spool.set_aside(batch, reason):
            self._losses.add(batch, reason)


class NotAttempted(Unavailable):
    """Nothing was sent: the events are certainly not in the table."""
