"""Where events go: into the table, or into the spool while the database can't take them."""

import logging
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from .. import database
from ..errors import InvalidEvent
from ..settings import Settings
from ..spool.losses import Losses
from ..spool.store import Spool
from . import insert
from .batch import Batch
from .bounded import BoundedConnection
from .insert import ConnectionLost, DatabaseDown, Rejected
from .maintenance import Maintenance
from .queue import Ids, PendingEmit

NOTIFY_SECONDS = 0.1
"""How often followers are woken at most; between two reads they look again by themselves."""
BATCHES_PER_PRUNE = 1000
LENT_SECONDS = 0.1
"""How long the writer waits for the connection that it lent before it asks for another."""
LEFTOVERS_SECONDS = 30.0
"""How often to look whether another process of this user has left something in the spool."""

logger = logging.getLogger(__name__)


class Delivery:
    """The ways of one process to one database. The writer's thread delivers.

    While it has nothing to do it lends its connection: who emits one event then stores it, for two
    switches of threads take as long as the insert. No lock is needed: the thread that took it out
    of the queue has it, and gives it back once all went well. Where a signal handler raises, at
    whatever instant, or emits, it doesn't come back: the writer asks for another.
    """

    def __init__(self) -> None:
        """Connects to nothing. Raises `ConfigurationError` and DatabaseConfigurationError."""
        settings = Settings.read()
        self.timeout_seconds = settings.timeout_seconds
        self.spool = Spool(settings.spool_folder / database.identity(), settings.spool_bytes)
        self._losses = Losses()
        self.maintenance = Maintenance(settings, self.spool, self._losses)
        self._lent: SimpleQueue[BoundedConnection] = SimpleQueue()
        self._is_lent = False
        self.is_closed = False
        self._notified = 0.0
        self._looked = time.monotonic()  # connecting looks, too
        self._batches = 0
        self._reason = ""

    def lend(self) -> None:
        """Let others store until the next `deliver`."""
        if not self._is_lent and (held := self.maintenance.held) is not None:
            self._is_lent = True
            self._lent.put(held)

    def store_alone(self, pending: PendingEmit) -> Ids | None:
        """Store one event in its caller's thread; None where the writer has to."""
        if not self._is_lent:  # the writer wants it back
            return None
        try:
            connection = self._lent.get_nowait()
        except Empty:
            return None
        ids: Ids | None = None
        try:
            stored = insert.store(
                connection,
                [pending.batch],
                deadline=pending.store_until,
                notify=self._may_notify(),
            )
            ids = [*stored] or [None]
            self._note_stored()
        except Rejected:
            pass
        except Exception as error:
            pending.attempted = True
            pending.problem = "" if isinstance(error, ConnectionLost) else str(error)
            connection.close()
        if connection is self.maintenance.held:
            self._lent.put(connection)
        else:  # it took too long
            connection.close()
        return ids

    def deliver(self, group: Sequence[PendingEmit]) -> None:
        """Store the events of all callers in one transaction, or spool them; wake the callers."""
        self._take_back()
        waiting = [pending for pending in group if not pending.is_given_up]
        for pending in waiting:
            if pending.problem:
                self.maintenance.mark_down(pending.problem)
        storing = [pending for pending in waiting if pending.batch.records]
        if len(storing) < 2:
            for pending in waiting:
                self._deliver_alone(pending)
            return
        batches = [pending.batch for pending in storing]
        ids: Ids = []
        try:
            ids += self._store(batches, min(pending.store_until for pending in storing))
        except Rejected:
            for pending in waiting:
                self._deliver_alone(pending)
            return
        except DatabaseDown as error:
            attempted = error.was_attempted or any(pending.attempted for pending in storing)
            self._spool(batches, attempted=attempted)
            ids += [None] * sum(len(batch.records) for batch in batches)
        at = 0
        for pending in waiting:
            end = at + len(pending.batch.records)
            pending.finish(ids[at:end])
            at = end

    def keep_in_file(self, batch: Batch, attempted: int) -> Ids:
        """Spool a batch in a file of its own, without a lock; `attempted` is as of `spool.store`.

        For callers that can't wait for the writer, or not any longer.
        """
        if not self.spool.batch_files.put(batch, attempted=attempted):
            self._losses.add(batch, "the disk takes no file")
        self.maintenance.start()
        return [None] * len(batch.records)

    @property
    def is_clear(self) -> bool:
        """Whether nothing waits in the spool, as far as is known without a wait."""
        return self.maintenance.is_clear or not self.spool.exists()

    def close(self) -> None:
        """Give the connection back."""
        self._take_back()
        self._losses.leave(lambda batch: not self.spool.put([batch], beyond_bound=True))
        self.maintenance.close()
        self.spool.file.close()
        self.is_closed = True

    def abandon(self) -> None:
        """Let go, in a child, of its parent's connection."""
        self.maintenance.abandon(in_use=self._is_lent and self._lent.empty())

    def _deliver_alone(self, pending: PendingEmit) -> None:
        """Store what one caller brings; what PostgreSQL rejects is found by halving."""
        parts = [pending.batch] if pending.batch.records else []
        ids: Ids = []
        try:
            while parts:
                try:
                    ids += self._store(parts[:1], pending.store_until)
                except Rejected as rejection:
                    if len(parts[0].records) > 1:
                        # Each notes what it does before it looks what the other has done.
                        was_split, pending.is_split = pending.is_split, True
                        if pending.is_given_up and not was_split:
                            return  # the drainer halves it
                        parts[:1] = parts[0].halves()
                        continue
                    self._dead_letter(parts[0], str(rejection))
                    ids.append(None)
                except DatabaseDown as error:
                    self._spool(parts[:1], attempted=error.was_attempted or pending.attempted)
                    self._spool(parts[1:])
                    break
                del parts[0]
        except InvalidEvent as mistake:  # of an event that is checked when it is read
            pending.fail(mistake)
        else:
            pending.finish(ids + [None] * (len(pending.batch.records) - len(ids)))

    def _store(self, batches: Sequence[Batch], deadline: float) -> Sequence[int]:
        """Raises `Rejected`, `DatabaseDown`; the second connection serves where one was lost."""
        for attempt in (1, 2):
            try:
                connection = self.maintenance.connection(deadline)
            except DatabaseDown as error:
                error.was_attempted = attempt == 2
                raise
            try:
                ids = insert.store(
                    connection, batches, deadline=deadline, notify=self._may_notify()
                )
            except (Rejected, InvalidEvent):
                raise
            except Exception as error:
                self.maintenance.discard(connection)
                if isinstance(error, ConnectionLost) and attempt == 1:
                    continue
                if isinstance(error, DatabaseDown):
                    self.maintenance.mark_down(str(error))
                raise
            self.maintenance.mark_healthy()
            self._note_stored()
            return ids
        raise AssertionError("unreachable")

    def _note_stored(self) -> None:
        self._batches += 1
        if self._batches % BATCHES_PER_PRUNE == 0:
            self.maintenance.prune()
        if time.monotonic() - self._looked > LEFTOVERS_SECONDS:
            self._looked = time.monotonic()
            self.maintenance.look()

    def _take_back(self) -> None:
        if not self._is_lent:
            return
        self._is_lent = False
        try:
            while (returned := self._lent.get(timeout=LENT_SECONDS)) is not self.maintenance.held:
                returned.close()  # it took too long
        except Empty:
            self.maintenance.forget()
        else:
            if returned.closed:
                self.maintenance.discard(returned)

    def _may_notify(self) -> bool:
        now = time.monotonic()
        if now - self._notified < NOTIFY_SECONDS:
            return False
        self._notified = now
        return True

    def _spool(self, batches: Sequence[Batch], *, attempted: bool = False) -> None:
        if batches:
            for batch, reason in self.spool.put(batches, attempted=attempted):
                self._losses.add(batch, reason)
            self.maintenance.start()

    def _dead_letter(self, batch: Batch, reason: str) -> None:
        if reason != self._reason:  # logged once for many alike
            self._reason = reason
            logger.error(
                "PostgreSQL refused an event; see `python -m sovi_events.spool status`: %s", reason
            )
        if not self.spool.dead_letter(batch, reason):
            self._losses.add(batch, reason)
