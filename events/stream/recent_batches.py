"""The newest events of this process, kept once for all clients and bounded by their bytes."""

from collections import deque
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import NamedTuple, Self

from .messages import message
from .resume_token import ResumeToken
from .selection import Selection
from .topics import Action, Event, Topic

MAX_BYTES = 8 * 1024 * 1024
MAX_BATCHES = 1000


class Frame(NamedTuple):
    """An event or an action, and where a reader stands after it."""

    content: Event | Action
    place: ResumeToken

    def framed(self) -> bytes:
        return message(self.place, self.content.data, self.content.name)


class RecentBatch:
    """What one poll found in one table; `chunk` is what most clients are sent of it.

    `selected` is filled in once PostgreSQL has matched it; None is a selection that it refused.
    """

    def __init__(self, topic: Topic, blocks: Iterable[Frame], place: ResumeToken) -> None:
        self.topic = topic
        self.blocks = tuple(blocks)
        self.place = place
        self.chunk = b"".join(block.framed() for block in self.blocks)
        self.selected: dict[Selection, RecentBatch | None] = {}

    @cached_property
    def without_actors(self) -> bytes:
        """What those are sent who may not view actions."""
        return b"".join(
            Frame(block.content.without_actor(), block.place).framed() for block in self.blocks
        )

    @property
    def event_ids(self) -> list[int]:
        return [event_id for block in self.blocks for event_id in block.content.event_ids]

    def select(self, selection: Selection, event_ids: Collection[int]) -> None:
        found = ((block.content.restrict_to(event_ids), block.place) for block in self.blocks)
        blocks = (Frame(content, place) for content, place in found if content is not None)
        self.selected[selection] = RecentBatch(self.topic, blocks, self.place)

    def beyond(self, ahead: ResumeToken) -> Self:
        """Return what a reader at this place lacks of it, each with the place after it."""
        read = ahead.of(self.topic)
        frames = (it for it in self.blocks if not read.has(it.content.id))
        blocks = (Frame(content, place.union(ahead)) for content, place in frames)
        return type(self)(self.topic, blocks, self.place)


class RecentBatches:
    """Batches, numbered; a client keeps only the number of the one it takes next."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_batches: int = MAX_BATCHES) -> None:
        self._batches: deque[RecentBatch] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._max_batches = max_batches
        self.first = 0

    @property
    def next(self) -> int:
        """The number that the next batch will have."""
        return self.first + len(self._batches)

    def append(self, batch: RecentBatch) -> None:
        self._batches.append(batch)
        self._bytes += len(batch.chunk)
        while len(self._batches) > 1 and (
            self._bytes > self._max_bytes or len(self._batches) > self._max_batches
        ):
            self._bytes -= len(self._batches.popleft().chunk)
            self.first += 1

    def get(self, number: int) -> RecentBatch | None:
        """Return a batch; None where it has not come yet. Ask only from `first` on."""
        return self._batches[number - self.first] if number < self.next else None
