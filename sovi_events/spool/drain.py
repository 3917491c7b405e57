"""From the spool into the table: the oldest first, one process at a time.

A drainer that is killed leaves its batches where they were, marked as attempted, and a lock that
nobody holds: the next one, of any process of the user, sends them again, and their receipts show
which were stored.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..writing import insert
from ..writing.bounded import BoundedConnection
from ..writing.insert import Rejected
from ..writing.queue import GROUP_EVENTS
from .folder import make_private, open_file
from .store import Spool, Spooled

GROUP_SECONDS = 30.0
STALE_SECONDS = insert.RECEIPT_SECONDS - 24 * 3600
"""How long after its first attempt a batch is sent again: later its receipt may be pruned."""

logger = logging.getLogger(__name__)

_locks: set[int] = set()
"""Open lock files of this process, as descriptors."""


@contextmanager
def drain_lock(folder: Path) -> Iterator[bool]:
    """Whether this process is the one to drain the folder; while it is, no other will be."""
    make_private(folder)
    handle = open_file(folder / "drain.lock", os.O_RDWR | os.O_CREAT)
    _locks.add(handle)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # a fork may have left its child a copy just now
        _locks.discard(handle)
        os.close(handle)


def _let_go_in_child() -> None:
    """A lock is held as long as one process has its file open, and a fork's child has it, too."""
    while _locks:
        os.close(_locks.pop())


os.register_at_fork(after_in_child=_let_go_in_child)


def is_drained_now(folder: Path) -> bool:
    """Whether some process is at it; makes no file, which might be another user's then."""
    if not (folder / "drain.lock").exists():
        return False
    with drain_lock(folder) as is_alone:
        return not is_alone


def groups(
    spool: Spool, connection: BoundedConnection, events: int = GROUP_EVENTS
) -> Iterator[int]:
    """Store what waits, group by group, until nothing does; yield how many events each stored.

    Raises `DatabaseDown`, sqlite3.Error and OSError; what was not stored waits on.
    """
    while group := spool.oldest(events):
        spool.mark_attempted(group)
        yield _drain(spool, group, connection)


def _drain(spool: Spool, group: list[Spooled], connection: BoundedConnection) -> int:
    if len(group) > 1 and _store_group(spool, group, connection):
        return sum(len(spooled.batch.records) for spooled in group)
    stored = 0
    for spooled in group:
        events = _drain_one(spool, spooled, connection)
        if events is None:
            break  # its halves are next
        stored += events
    return stored


def _store_group(spool: Spool, group: list[Spooled], connection: BoundedConnection) -> bool:
    """Store the batches in one transaction; return False where they have to go one by one."""
    deadline = time.monotonic() + GROUP_SECONDS
    if any(_is_stale(spooled) or spooled.is_split for spooled in group):
        return False
    once = {spooled.batch.receipt: spooled.batch for spooled in group}
    try:
        insert.store(connection, list(once.values()), deadline=deadline, with_event_times=True)
    except Rejected:
        return False
    spool.remove(group)
    return True


def _drain_one(spool: Spool, spooled: Spooled, connection: BoundedConnection) -> int | None:
    """Return how many events were stored, None where they have to be halved."""
    if _is_stale(spooled):
        spool.move_to_dead_letters(
            spooled,
            "it may have been stored more than 29 days ago, and its receipt been pruned since: "
            "compare it with the table",
        )
        return 0
    deadline = connection.deadline = time.monotonic() + GROUP_SECONDS
    if spooled.is_split and insert.is_split(connection, spooled.batch):
        spool.split(spooled)
        return None
    try:
        insert.store(connection, [spooled.batch], deadline=deadline, with_event_times=True)
    except Rejected as refusal:
        if len(spooled.batch.records) > 1:
            spool.split(spooled)
            return None
        spool.move_to_dead_letters(spooled, str(refusal))
        logger.error(
            "PostgreSQL refused a spooled event; it is a dead letter in %s: %s",
            spool.folder,
            refusal,
        )
        return 0
    spool.remove([spooled])
    return len(spooled.batch.records)


def _is_stale(spooled: Spooled) -> bool:
    return 0 < spooled.attempted < time.time() - STALE_SECONDS
