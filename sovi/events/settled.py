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
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import statements
from .position import MAX_GAPS, Position

WAIT_SECONDS = 0.2
PAUSE_SECONDS = 0.01

Rows = Sequence[Sequence[Any]]


class Horizon(NamedTuple):
    """`id` is settled; `complete` tells whether it was the newest id of that moment."""

    id: int
    complete: bool


class Memory:
    """The highest id this process knows to be settled, for when a writer keeps everyone waiting."""

    def __init__(self) -> None:
        self.settled_id = 0


_memory = Memory()


def read_horizon(
    run: Callable[[str], Rows], *, memory: Memory = _memory, wait_seconds: float = WAIT_SECONDS
) -> Horizon:
    """Return how far the table is settled, waiting at most `wait_seconds` for open writers.

    `run` executes a statement and returns its rows; each must see what was committed before it, so
    the connection is in autocommit or READ COMMITTED.
    """
    steps = _horizon(memory, wait_seconds)
    step: str | float = next(steps)
    while True:
        try:
            if isinstance(step, str):
                step = steps.send(run(step))
            else:
                time.sleep(step)
                step = steps.send(())
        except StopIteration as end:
            return _result(end)


async def async_read_horizon(
    run: Callable[[str], Awaitable[Rows]],
    *,
    memory: Memory = _memory,
    wait_seconds: float = WAIT_SECONDS,
) -> Horizon:
    """`read_horizon` for a running event loop."""
    steps = _horizon(memory, wait_seconds)
    step: str | float = next(steps)
    while True:
        try:
            if isinstance(step, str):
                step = steps.send(await run(step))
            else:
                await asyncio.sleep(step)
                step = steps.send(())
        except StopIteration as end:
            return _result(end)


def _result(end: StopIteration) -> Horizon:
    horizon: Horizon = end.value
    return horizon


def _horizon(memory: Memory, wait_seconds: float) -> Generator[str | float, Rows, Horizon]:
    """Yield statements to run and seconds to pause; return the horizon."""
    newest: int = (yield statements.NEWEST_ID)[0][0]
    if newest < memory.settled_id:
        memory.settled_id = 0  # another database, or this one restored: what was known is void
    deadline = time.monotonic() + wait_seconds
    waiting_for = {holder for (holder,) in (yield statements.HOLDERS)}
    while waiting_for:
        if time.monotonic() > deadline:
            return Horizon(memory.settled_id, complete=False)
        yield PAUSE_SECONDS
        waiting_for &= {holder for (holder,) in (yield statements.HOLDERS)}
    memory.settled_id = max(memory.settled_id, newest)
    return Horizon(newest, complete=True)


@dataclass
class Gap:
    """Ids below the highest one read that were not visible. `holders` is None until captured."""

    first: int
    last: int
    holders: frozenset[str] | None = None


class Tracker:
    """Follows the table: which rows of each poll are new, and which gaps are still open.

    Pure state. A poll runs `statements.HOLDERS`, then `statements.READ_NEW` with `read_params()`,
    on one connection in autocommit, and hands both to `observe`.
    """

    def __init__(self, high: int, gaps: Iterable[tuple[int, int]] = ()) -> None:
        self.high = high
        self.gaps = [Gap(first, last) for first, last in gaps]

    @property
    def position(self) -> Position:
        return Position(self.high, tuple((gap.first, gap.last) for gap in self.gaps))

    def read_params(self, limit: int) -> dict[str, Any]:
        """Parameters of `statements.READ_NEW`: `limit` rows above the high id, as many in gaps."""
        return {
            "high": self.high,
            "firsts": [gap.first for gap in self.gaps],
            "lasts": [gap.last for gap in self.gaps],
            "limit": limit,
        }

    def reconnected(self) -> None:
        """Capture anew before closing a gap: a prepared transaction's holder has a new name now."""
        for gap in self.gaps:
            gap.holders = None

    def observe(
        self, holders: Iterable[str], ids: Iterable[int], *, limit: int
    ) -> list[tuple[int, Position]]:
        """Take in a poll; return the ids to deliver, in order, each with the position after it.

        `holders` were captured before the rows with `ids` were read, at most `limit` of them above
        the high id and as many in gaps. Ids beyond the one that would open a gap too many are left
        for a later poll.
        """
        held = frozenset(holders)
        delivered: list[tuple[int, Position]] = []
        ascending = sorted(ids)
        # With more than a page of late rows the gaps were not read to their end: none may close.
        gaps_read = sum(event_id <= self.high for event_id in ascending) < limit
        for event_id in ascending:
            if event_id <= self.high and self._fill(event_id):
                delivered.append((event_id, self.position))
        if gaps_read:
            self.gaps = [gap for gap in self.gaps if not self._is_over(gap, held)]
        for event_id in ascending:
            if event_id <= self.high:
                continue
            if event_id > self.high + 1:
                if len(self.gaps) >= MAX_GAPS:
                    break
                self.gaps.append(Gap(self.high + 1, event_id - 1))
            self.high = event_id
            delivered.append((event_id, self.position))
        return delivered

    def _fill(self, event_id: int) -> bool:
        """Take the id out of its gap; False where it is in none and was delivered already."""
        for at, gap in enumerate(self.gaps):
            if gap.first <= event_id <= gap.last:
                left = Gap(gap.first, event_id - 1, gap.holders)
                right = Gap(event_id + 1, gap.last, gap.holders)
                self.gaps[at : at + 1] = [part for part in (left, right) if part.first <= part.last]
                return True
        return False

    @staticmethod
    def _is_over(gap: Gap, held: frozenset[str]) -> bool:
        """Narrow the gap's holders to those left; without any, its ids were rolled back."""
        gap.holders = held if gap.holders is None else gap.holders & held
        return not gap.holders
