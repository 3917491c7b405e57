"""A span of time as a range of ids.

Note: lists are in the order of ids, and ids nearly in that of time; few rows come late. So the rows
of a span lie between two ids, but for a few outside. The first and the last rows by time say which
ids; between them pages are read as they are without a span. What lies outside is looked up
by time in an index that has the rows of each block of ids together, for it has next to none in most
of them. However the rows came, both together are exact.
"""

from typing import Any, NamedTuple, Self

from django.db.models import Aggregate, BooleanField, Count
from django.db.models.expressions import RawSQL

from events.indexes import BLOCK_BITS
from events.models.event import SystemEventQuerySet

FEW_ROWS = 2000
"""Rows of a span that are rather read one and all, by time."""
OUTLIER_SHARE = 0.03
"""The part of as many rows, the first or the last, whose ids may lie far from the others'."""
ANY_ID = (-(1 << 63), (1 << 63) - 1)

_IN_BLOCKS = f"""
(system_events.id >> {BLOCK_BITS}) = ANY(ARRAY(
    WITH RECURSIVE blocks (number) AS (
        (SELECT id >> {BLOCK_BITS} FROM system_events WHERE id >= %s ORDER BY id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT id >> {BLOCK_BITS} FROM system_events
            WHERE id > (number << {BLOCK_BITS} | {(1 << BLOCK_BITS) - 1}) AND id <= %s
            ORDER BY id LIMIT 1
        ) FROM blocks WHERE number IS NOT NULL
    )
    SELECT number FROM blocks WHERE number IS NOT NULL
))
"""  # noqa: S608


class Percentile(Aggregate):
    """The value below which a part of the rows' values lie."""

    function = "percentile_disc"
    template = "%(function)s(%(part)s) WITHIN GROUP (ORDER BY %(expressions)s)"


class TimeRange(NamedTuple):
    """Where most rows of a span lie; None on a side that the span leaves open."""

    is_small: bool
    low: int | None
    high: int | None

    @classmethod
    def of(cls, events: SystemEventQuerySet) -> Self:
        """Look up where the events' times lie."""
        times = events.event_filter.on("timestamp")
        rows = events.model._default_manager.using(events.db).filter(times.to_q()).order_by()
        names = {term.operator for term in times.terms}
        rows_ahead: Any = {"rows": Count("pk"), "low": Percentile("pk", part=OUTLIER_SHARE)}
        first = rows.order_by("timestamp")[: FEW_ROWS + 1].aggregate(**rows_ahead)
        last = {"high": None}
        if names & {"lt", "lte"} and first["rows"] > FEW_ROWS:
            last = rows.order_by("-timestamp")[: FEW_ROWS + 1].aggregate(
                high=Percentile("pk", part=1 - OUTLIER_SHARE)
            )
        low, high = first["low"] if names & {"gt", "gte"} else None, last["high"]
        if low is not None and high is not None:
            high = max(high, low - 1)  # ids may run against time
        return cls(first["rows"] <= FEW_ROWS, low, high)

    def inside(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        if self.low is not None:
            events = events.filter(pk__gte=self.low)
        if self.high is not None:
            events = events.filter(pk__lte=self.high)
        return events

    def below(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        if self.low is None:
            return events.none()
        return _in_blocks(events, ANY_ID[0], self.low).filter(pk__lt=self.low)

    def above(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        if self.high is None:
            return events.none()
        return _in_blocks(events, self.high, ANY_ID[1]).filter(pk__gt=self.high)


def _in_blocks(events: SystemEventQuerySet, first: int, last: int) -> SystemEventQuerySet:
    """Tell PostgreSQL the blocks that hold ids between the two, so that it looks into each."""
    return events.filter(RawSQL(_IN_BLOCKS, [first, last], BooleanField()))  # noqa: S611
