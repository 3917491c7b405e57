"""Which ids of the table are settled: no row will appear at or below them any more.

A lower id can become visible after a higher one: "greater than the last one seen" loses events.

Note: the lock rule. INSERT and COPY take the table's RowExclusiveLock before they draw an id, and
release it once their rows are visible. So after seeing an id, capture the transactions that hold
the lock; when all of those have ended, every id up to it is either visible or will never be. The
order matters: see the id, then capture, then, when they have ended, read. A capture taken before
the id was seen may miss a writer that came in between.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .. import statements
from .position import MAX_GAPS, Position

WAIT_SECONDS = 0.2
PAUSE_SECONDS = 0.01

Rows = Sequence[Sequence[Any]]


class Horizon(NamedTuple):
    """`id` is settled; `complete` is whether it was the newest id of that moment.

    It is not while writers are open, nor while rows lie above a sequence that will pass below them.
    """

    id: int
    complete: bool


@dataclass
class Memory:
    """The highest id this process knows to be settled, for when a writer keeps everyone waiting.

    `numbering` is the one it is of, see `statements.numbering`.
    """

    settled_id: int = 0
    numbering: int | None = None


process_memory = Memory()


def read_horizon(
    run: Callable[[str], Rows],
    *,
    memory: Memory = process_memory,
    wait_seconds: float = WAIT_SECONDS,
) -> Horizon:
    """Return how far the table is settled, waiting at most `wait_seconds` for open writers.

    `run` executes a statement and returns its rows; each must see what was committed before it, so
    the connection is in autocommit or READ COMMITTED.
    """
    steps = _steps(memory, wait_seconds)
    step = next(steps)
    while not isinstance(step, Horizon):
        if isinstance(step, str):
            step = steps.send(run(step))
        else:
            time.sleep(step)
            step = next(steps)
    return step


async def async_read_horizon(
    run: Callable[[str], Awaitable[Rows]],
    *,
    memory: Memory = process_memory,
    wait_seconds: float = WAIT_SECONDS,
) -> Horizon:
    """`read_horizon` for a running event loop."""
    steps = _steps(memory, wait_seconds)
    step = next(steps)
    while not isinstance(step, Horizon):
        if isinstance(step, str):
            step = steps.send(await run(step))
        else:
            await asyncio.sleep(step)
            step = next(steps)
    return step


def _steps(memory: Memory, wait_seconds: float) -> Generator[str | float | Horizon, Rows, None]:
    """Yield statements to run and seconds to pause, and at last the horizon."""
    newest, highest, numbering = (yield statements.NEWEST_ID)[0]
    if newest < memory.settled_id or numbering != memory.numbering:
        # Another database, or this one emptied or restored: what was known is void.
        memory.settled_id, memory.numbering = 0, numbering
    deadline = time.monotonic() + wait_seconds
    waiting_for = {holder for (holder,) in (yield statements.LOCK_HOLDERS)}
    while waiting_for:
        if time.monotonic() > deadline:
            yield Horizon(memory.settled_id, complete=False)
            return
        yield PAUSE_SECONDS
        waiting_for &= {holder for (holder,) in (yield statements.LOCK_HOLDERS)}
    if numbering == memory.numbering:  # else another thread found the table renumbered meanwhile
        memory.settled_id = max(memory.settled_id, newest)
    yield Horizon(newest, complete=newest >= highest)


@dataclass
class Gap:
    """Ids below the highest one read that were not visible.

    `holders` are those of the first capture after it was seen that are left; None before that.
    `to_read` turns true when one of them has ended: until then no row can have appeared.
    """

    first: int
    last: int
    holders: frozenset[str] | None = None
    to_read: bool = True

    @property
    def is_over(self) -> bool:
        """Whether all have ended who may have drawn its ids: what a read does not find is void."""
        return self.holders is not None and not self.holders

    def narrow(self, held: frozenset[str]) -> None:
        left = held if self.holders is None else self.holders & held
        self.to_read |= left != self.holders
        self.holders = left

    def without(self, event_id: int) -> "list[Gap]":
        """Return what is left after a row was found, ids being looked for in ascending order."""
        below = [] if self.is_over else [replace(self, last=event_id - 1)]
        return [gap for gap in (*below, replace(self, first=event_id + 1)) if gap.first <= gap.last]


class Tracker:
    """Follows the table: which rows of each poll are new, and which gaps are still open.

    Pure state. A poll runs `statements.LOCK_HOLDERS` and hands them to `capture`, which may be left
    out while it `waits` for nobody. Then it runs `statements.read_late` for the `gaps_to_read`, if
    any, and `statements.read_above` for what is above `high`, and hands the ids to `observe`; all
    on one connection in autocommit. No row is read twice, unless a position had no room for the
    gaps around it.

    At and below `floor` nothing is known but whether all who wrote when it began have ended.
    """

    def __init__(
        self,
        high: int,
        gaps: Iterable[tuple[int, int]] = (),
        *,
        floor: int = 0,
        max_gaps: int = MAX_GAPS,
    ) -> None:
        self.high = high
        self.gaps = [Gap(first, last) for first, last in gaps]
        self._below = Gap(0, floor)
        self._max_gaps = max_gaps

    @property
    def position(self) -> Position:
        return Position(self.high, tuple((gap.first, gap.last) for gap in self.gaps))

    @property
    def waits(self) -> bool:
        """Whether a capture is of use: without an open gap there is nothing to close."""
        return bool(self.gaps) or not self._below.is_over

    def knows(self, position: Position) -> bool:
        """Whether what a reader at the position lacks is settled but for the gaps."""
        lowest_unread = position.gaps[0][0] if position.gaps else position.high + 1
        return lowest_unread > self._below.last or self._below.is_over

    def reconnected(self) -> None:
        """Capture anew before closing a gap: a prepared transaction's holder has a new name now."""
        for gap in self.gaps:
            gap.holders, gap.to_read = None, True
        if not self._below.is_over:
            self._below.holders = None

    def capture(self, holders: Iterable[str]) -> None:
        """Take in who holds the table's lock, before the rows are read."""
        held = frozenset(holders)
        for gap in (*self.gaps, self._below):
            gap.narrow(held)

    @property
    def gaps_to_read(self) -> list[Gap]:
        """Those in which rows may have appeared since they were read."""
        return [gap for gap in self.gaps if gap.to_read]

    def observe(self, ids: Iterable[int], limit: int) -> list[tuple[int, Position]]:
        """Take in the ids read; return those to deliver, in order, each with the position after it.

        They are at most `limit` in the gaps and as many above, the lowest of each. Those that would
        open a gap too many are left for a later poll.
        """
        ascending = sorted(ids)
        late = [event_id for event_id in ascending if event_id <= self.high]
        # A full page may have ended inside a gap: those above it were not read.
        read_to = late[-1] if len(late) >= limit else self.high
        left_over: list[int] = []
        delivered: list[tuple[int, Position]] = []
        for event_id in late:
            if self._take(event_id):
                delivered.append((event_id, self.position))
            else:
                left_over.append(event_id)
        for gap in self.gaps:
            gap.to_read &= gap.last > read_to or any(gap.first <= i <= gap.last for i in left_over)
        self.gaps = [gap for gap in self.gaps if gap.to_read or not gap.is_over]
        for event_id in ascending[len(late) :]:
            if event_id > self.high + 1:
                if len(self.gaps) >= self._max_gaps:
                    break
                self.gaps.append(Gap(self.high + 1, event_id - 1))
            self.high = event_id
            delivered.append((event_id, self.position))
        return delivered

    def _take(self, event_id: int) -> bool:
        """Take the id out of its gap; False where that would make a gap too many."""
        at = next(n for n, gap in enumerate(self.gaps) if gap.first <= event_id <= gap.last)
        parts = self.gaps[at].without(event_id)
        if len(parts) == 2 and len(self.gaps) >= self._max_gaps:
            return False
        self.gaps[at : at + 1] = parts
        return True
