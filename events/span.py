"""A span of time as a range of ids.

Note: lists are in the order of ids, and ids nearly in that of time; few rows come late. So the rows
of a span lie between two ids, but for a few outside. Which ids is told by the first and the last
rows by time; between them pages are read as they are without a span. What lies outside is looked up
by time in an index that holds the ids, or along the ids where they are fewer. However the rows
came, both together are exact.
"""

from typing import Any, NamedTuple, Self

from django.db.models import Count, Max, Min

from events.models.event import SystemEventQuerySet
from sovi.events.merge import Statement

FEW_ROWS = 2000
"""Rows of a span that are rather read one and all, by time."""


class Span(NamedTuple):
    """Where most rows of a span lie; None on a side that the span leaves open."""

    is_small: bool
    low: int | None
    high: int | None

    @classmethod
    def of(cls, events: SystemEventQuerySet, lookups: list[Any]) -> Self:
        """Look it up; `lookups` are the conditions on the timestamp."""
        rows = events.model._default_manager.using(events.db).order_by()
        rows.query.where.children += lookups
        names = {lookup.lookup_name for lookup in lookups}
        rows_ahead: Any = {"rows": Count("pk"), "low": Min("pk")}
        first = rows.order_by("timestamp")[: FEW_ROWS + 1].aggregate(**rows_ahead)
        last = {"high": None}
        if names & {"lt", "lte"} and first["rows"] > FEW_ROWS:
            last = rows.order_by("-timestamp")[: FEW_ROWS + 1].aggregate(high=Max("pk"))
        low = first["low"] if names & {"gt", "gte"} else None
        return cls(first["rows"] <= FEW_ROWS, low, last["high"])

    def inside(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        if self.low is not None:
            events = events.filter(pk__gte=self.low)
        if self.high is not None:
            events = events.filter(pk__lte=self.high)
        return events

    def below(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        return events.none() if self.low is None else events.filter(pk__lt=self.low)

    def above(self, events: SystemEventQuerySet) -> SystemEventQuerySet:
        return events.none() if self.high is None else events.filter(pk__gt=self.high)


def ids_of_few(events: SystemEventQuerySet, limit: int, *, ascending: bool = False) -> Statement:
    """Return what reads the ids of a page of events that are few; raises `EmptyResultSet`.

    All are found before they are sorted: PostgreSQL would else follow the ids until it has enough.
    """
    sql, params = events.order_by().values_list("pk").query.sql_with_params()
    order = "ASC" if ascending else "DESC"
    return (
        f"SELECT id FROM ({sql} OFFSET 0) AS spanned (id) "  # noqa: S608 - Django's SQL
        f"ORDER BY id {order} LIMIT {limit}",
        list(params),
    )
