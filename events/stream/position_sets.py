"""What two readers of the table have read, compared: set arithmetic on `Position`, as ranges."""

from collections.abc import Iterator
from dataclasses import replace

from sovi_events.following.position import Position

Ranges = tuple[tuple[int, int], ...]


def missing(reader: Position, source: Position) -> Ranges:
    """Return the ids that `source` has read and `reader` has not."""
    return tuple(_both(_unread(reader, source.high), _read(source)))


def union(one: Position, other: Position) -> Position:
    """Return the position of a reader that has read what either has."""
    high = max(one.high, other.high)
    return Position(high, tuple(_both(_unread(one, high), _unread(other, high))))


def up_to(source: Position, event_id: int) -> Position:
    """Return where a reader stands that took what `source` has, in order, up to `event_id`."""
    return Position(event_id, tuple(gap for gap in source.gaps if gap[1] < event_id))


class CatchUpPlan:
    """Where a reader at `start` stands while it reads, in order, what `source` has besides.

    That is `union(start, up_to(source, row_id))`, worked out once for each range of ids.
    """

    def __init__(self, start: Position, source: Position) -> None:
        self.ranges = missing(start, source)
        self._start, self._source = start, source
        self._range = (0, -1)
        self._end = start

    def at(self, row_id: int) -> Position:
        """Return the position after reading a row of the ranges."""
        first, last = self._range
        if not first <= row_id <= last:
            self._range = next(it for it in self.ranges if it[0] <= row_id <= it[1])
            self._end = union(self._start, up_to(self._source, self._range[1]))
        if row_id > self._start.high:
            return replace(self._end, high=row_id)
        return union(self._start, up_to(self._source, row_id))


def before(source: Position, event_id: int) -> Position:
    """Return where a reader stands that took what `source` has below `event_id`."""
    below = _both(_read(source), ((0, event_id - 1),))
    ranges = [(first, last) for first, last in below if last]
    if not ranges:
        return Position(0)
    return up_to(source, ranges[-1][1])


def truncate(ranges: Ranges, ids: int) -> Ranges:
    """Return the lowest part of the ranges, so many ids at most."""
    part = []
    for first, last in ranges:
        if ids <= 0:
            break
        part.append((first, min(last, first + ids - 1)))
        ids -= last - first + 1
    return tuple(part)


def above(ranges: Ranges, event_id: int) -> Ranges:
    """Return the part of the ranges that lies above the id."""
    return tuple((max(first, event_id + 1), last) for first, last in ranges if last > event_id)


def _unread(position: Position, top: int) -> Ranges:
    gaps = tuple((first, min(last, top)) for first, last in position.gaps if first <= top)
    return (*gaps, (position.high + 1, top)) if top > position.high else gaps


def _read(position: Position) -> Ranges:
    firsts = (0, *(last + 1 for _, last in position.gaps))
    lasts = (*(first - 1 for first, _ in position.gaps), position.high)
    return tuple((left, right) for left, right in zip(firsts, lasts, strict=True) if left <= right)


def _both(ones: Ranges, others: Ranges) -> Iterator[tuple[int, int]]:
    """Yield the intersection of two ascending lists of ranges."""
    one = other = 0
    while one < len(ones) and other < len(others):
        first = max(ones[one][0], others[other][0])
        last = min(ones[one][1], others[other][1])
        if first <= last:
            yield first, last
        if ones[one][1] < others[other][1]:
            one += 1
        else:
            other += 1
