"""How far a reader of the table has come: the resume token of a stream."""

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Self

from sovi_events.whole_number import whole_number

MAX_GAPS = 200
"""Ranges a reader's position may hold; one that would need more waits instead (see `settled`).

What two readers have read, united, may need as many as both."""

MIN_ID, MAX_ID = -(2**63), 2**63 - 1
"""Of an event. Readers of the table begin at 0: the sequence gives out none below."""


@dataclass(frozen=True)
class Position:
    """Everything up to `high` was read, except the ids in `gaps`: they may still be committed.

    `gaps` are ranges (first, last), both inside, ascending, disjoint, and below `high`. As text:
    `120`, or with gaps `120~7-9~15`; a plain event id is a position too.
    """

    high: int
    gaps: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError when `text` is no position."""
        high, *gaps = text.split("~")
        position = cls(_id(high), tuple(_range(gap) for gap in gaps))
        edges = [edge for gap in position.gaps for edge in gap]
        disjoint = all(last < first for (_, last), (first, _) in pairwise(position.gaps))
        if len(gaps) > 2 * MAX_GAPS or edges != sorted(edges) or not disjoint:
            raise ValueError(f"{text[:40]!r} is not a position in the event table")
        if edges and edges[-1] >= position.high:
            raise ValueError(f"{text[:40]!r} has a gap above its highest event id")
        return position

    def __str__(self) -> str:
        return f"{self.high}{_text(self.gaps)}"

    def has(self, event_id: int) -> bool:
        """Whether the event was read already."""
        return event_id <= self.high and not self._gap_of(event_id)

    def take(self, event_id: int) -> Self:
        """Return the position after reading this event; ids skipped on the way become a gap."""
        if event_id > self.high:
            skipped = ((self.high + 1, event_id - 1),) if event_id > self.high + 1 else ()
            return replace(self, high=event_id, gaps=self.gaps + skipped)
        gap = self._gap_of(event_id)
        if gap is None:
            return self
        first, last = gap
        rest = [(first, event_id - 1), (event_id + 1, last)]
        at = self.gaps.index(gap)
        kept = tuple((left, right) for left, right in rest if left <= right)
        return replace(self, gaps=self.gaps[:at] + kept + self.gaps[at + 1 :])

    def _gap_of(self, event_id: int) -> tuple[int, int] | None:
        return next((gap for gap in self.gaps if gap[0] <= event_id <= gap[1]), None)


@lru_cache(maxsize=64)  # of many positions in a row, most differ by their high id only
def _text(gaps: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"~{first}" if first == last else f"~{first}-{last}" for first, last in gaps)


def _id(text: str) -> int:
    number = whole_number(text, 0, MAX_ID)
    if number is None:
        raise ValueError(f"{text[:40]!r} is not an event id")
    return number


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return (_id(first), _id(last)) if dash else (_id(first), _id(first))
