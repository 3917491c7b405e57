"""Which rows a page shows, and how many there are, read by ranges of an index.

See `sovi_events.index_scan`, and `time_range` for times. Filters that no index serves are checked
row by row along those ranges, or along the ids; how long that may take is for `time_limit`.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from django.core.exceptions import EmptyResultSet
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.db.models.sql.where import WhereNode

from events.filters.event_filter import EventFilter
from events.models.event import SystemEventQuerySet
from sovi_events import index_scan

from .raw_sql import read_rows
from .time_range import TimeRange, ids_by_time

IdReader = Callable[[int], index_scan.Statement]
"""Makes what reads the ids of at most so many events; may raise `EmptyResultSet`."""


def read(
    events: SystemEventQuerySet, limit: int, *, offset: int = 0, ascending: bool = False
) -> SystemEventQuerySet:
    """Return the newest so many of the events, or the oldest, in this order, after `offset`."""
    order = "pk" if ascending else "-pk"
    asked = events.event_filter
    if _has_time_filter(asked):
        ids = _read_time_range(events, asked, offset + limit, ascending=ascending)[offset:]
        return _without_filters(events).filter(pk__in=ids).order_by(order)
    if _index(asked) is None:
        return events.order_by(order)[offset : offset + limit]
    try:
        sql, params = select_ids(events, limit, offset=offset, ascending=ascending)
    except EmptyResultSet:
        return events.none()
    chosen = RawSQL(f"system_events.id = ANY(ARRAY({sql}))", params, BooleanField())  # noqa: S611
    return _without_filters(events).filter(chosen).order_by(order)


def count(events: SystemEventQuerySet, bound: int) -> int:
    """Count the events, at most `bound` of them."""
    asked = events.event_filter
    parts: Iterator[IdReader] = iter([partial(select_ids, events, ordered=False)])
    if _has_time_filter(asked) and _index(asked) is not None:
        parts = _id_readers(events, asked, ordered=False)
    counted = 0
    for part in parts:
        try:
            sql, params = part(bound - counted)
        except EmptyResultSet:
            continue
        [(rows,)] = read_rows(f"SELECT count(*) FROM ({sql}) AS matched", params, using=events.db)  # noqa: S608
        counted += rows
        if counted == bound:
            break
    return counted


def _has_time_filter(asked: EventFilter) -> bool:
    return asked.asks_for("timestamp") and not asked.asks_for("message")


def _read_time_range(
    events: SystemEventQuerySet, asked: EventFilter, limit: int, *, ascending: bool
) -> list[int]:
    ids: list[int] = []
    for part in _id_readers(events, asked, ascending=ascending):
        try:
            ids += [event_id for (event_id,) in read_rows(*part(limit - len(ids)), using=events.db)]
        except EmptyResultSet:
            continue
        if len(ids) == limit:
            break
    return ids


def _id_readers(
    events: SystemEventQuerySet,
    asked: EventFilter,
    *,
    ascending: bool = False,
    ordered: bool = True,
) -> Iterator[IdReader]:
    """What is read one after the other, until a page is full."""
    span = TimeRange.of(events)
    if span.is_small:
        yield partial(ids_by_time, events, ascending=ascending)
        return
    parts: list[IdReader] = [
        partial(ids_by_time, span.below(events), ascending=ascending),
        partial(select_ids, span.inside(events), ascending=ascending, ordered=ordered),
        partial(ids_by_time, span.above(events), ascending=ascending),
    ]
    yield from parts if ascending else reversed(parts)


def _index(asked: EventFilter) -> Sequence[str] | None:
    # Text is looked for by its own index.
    return None if asked.asks_for("message") else index_scan.index_for(asked.equal, asked.resolved)


def select_ids(
    events: SystemEventQuerySet,
    limit: int,
    *,
    offset: int = 0,
    ascending: bool = False,
    ordered: bool = True,
) -> index_scan.Statement:
    """Return what reads the ids of a page, merged where one range of an index doesn't serve.

    Without `ordered` any that match will do. Asks nothing; raises `EmptyResultSet`.
    """
    asked = events.event_filter
    index = _index(asked)
    if index is None:
        by_time = asked.asks_for("timestamp") and not ordered
        order = "timestamp" if by_time else "pk" if ascending else "-pk"
        rows = events.order_by(order).values_list("pk")[offset : offset + limit]
        sql, params = rows.query.sql_with_params()
        return sql, list(params)
    wanted = events.order_by().values_list(*index_scan.SOURCE_COLUMNS).query
    return index_scan.merged_ids(
        index_scan.SourceQuery(*wanted.sql_with_params()),
        index,
        asked.equal,
        asked.resolved,
        limit=limit,
        offset=offset,
        ascending=ascending,
        ordered=ordered,
    )


def _without_filters(events: SystemEventQuerySet) -> SystemEventQuerySet:
    """Return the set without its filters, for rows that are known to match.

    Asked again, they would only tempt PostgreSQL to another plan.
    """
    rows = events.all()
    rows.query.where = WhereNode()
    return rows
