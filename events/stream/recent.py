"""The newest events of this process, kept once for all clients and bounded by their bytes."""

from collections import deque
from collections.abc import Collection
from typing import NamedTuple

from sovi.events.position import Position

from .messages import message
from .selection import Selection

MAX_BYTES = 8 * 1024 * 1024
MAX_BATCHES = 1000


class Block(NamedTuple):
    """An event, the position of the hub after it, and both as sent to most clients."""

    event_id: int
    position: Position
    data: bytes
    framed: bytes


def block(event_id: int, position: Position, data: bytes) -> Block:
    return Block(event_id, position, data, message(position, data))


class Selected(NamedTuple):
    """Those events of a batch that a selection matches; `position` is that of the last, if any."""

    ids: frozenset[int]
    chunk: bytes
    position: Position | None


class Batch:
    """The events that one poll found; never empty.

    `selected` is filled in once PostgreSQL has told; None there is a selection that it refused.
    """

    def __init__(self, blocks: Collection[Block]) -> None:
        self.blocks = tuple(blocks)
        self.position = self.blocks[-1].position
        self.chunk = b"".join(block.framed for block in self.blocks)
        self.selected: dict[Selection, Selected | None] = {}

    def select(self, selection: Selection, ids: frozenset[int] | None) -> None:
        if ids is None:
            self.selected[selection] = None
            return
        found = [block for block in self.blocks if block.event_id in ids]
        self.selected[selection] = Selected(
            ids,
            b"".join(block.framed for block in found),
            found[-1].position if found else None,
        )


class Recent:
    """Batches, numbered; a client keeps only the number of the one it takes next."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_batches: int = MAX_BATCHES) -> None:
        self._batches: deque[Batch] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._max_batches = max_batches
        self.first = 0

    @property
    def next(self) -> int:
        """The number that the next batch will have."""
        return self.first + len(self._batches)

    def append(self, batch: Batch) -> None:
        self._batches.append(batch)
        self._bytes += len(batch.chunk)
        while len(self._batches) > 1 and (
            self._bytes > self._max_bytes or len(self._batches) > self._max_batches
        ):
            self._bytes -= len(self._batches.popleft().chunk)
            self.first += 1

    def get(self, number: int) -> Batch | None:
        """Return a batch; None where it has not come yet. Ask only from `first` on."""
        return self._batches[number - self.first] if number < self.next else None
