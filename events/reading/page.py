"""Which rows a page shows, and how many there are, read by ranges of an index.

See `sovi_events.index_scan`, and `time_range` for times. Filters that no index serves are checked
row by row along those ranges, or along the ids; how long that may take is for `time_limit`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from django.core.exceptions import EmptyResultSet
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.db.models.sql.where import WhereNode

from events.filters.event_filter import EventFilter
from events.models.event import SystemEventQuerySet
from sovi_events import index_scan

from .context_index import few_by_context
from .raw_sql import read_rows
from .time_range import TimeRange

IdReader = Callable[[int], index_scan.Statement]
"""Makes what reads the ids of at most so many events; may raise `EmptyResultSet`."""


def read(
    events: SystemEventQuerySet, limit: int, *, offset: int = 0, ascending: bool = False
) -> SystemEventQuerySet:
    """Return the newest so many of the events, or the oldest, in this order, after `offset`."""
    order = "pk" if ascending else "-pk"
    asked = events.event_filter
    few = few_by_context(events)
    if few is not None or _has_time_filter(asked):
        parts = _id_readers(events, few, ascending=ascending)
        ids = _read_ids(parts, offset + limit, using=events.db)[offset:]
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
    few = few_by_context(events)
    parts: Iterator[IdReader] = iter([partial(select_ids, events, ordered=False)])
    if few is not None or (_has_time_filter(asked) and _index(asked) is not None):
        parts = _id_readers(events, few, ordered=False)
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


def _read_ids(parts: Iterable[IdReader], limit: int, *, using: str) -> list[int]:
    ids: list[int] = []
    for part in parts:
        try:
            ids += [event_id for (event_id,) in read_rows(*part(limit - len(ids)), using=using)]
        except EmptyResultSet:
            continue
        if len(ids) == limit:
            break
    return ids


def _id_readers(
    events: SystemEventQuerySet,
    few: SystemEventQuerySet | None,
    *,
    ascending: bool = False,
    ordered: bool = True,
) -> Iterator[IdReader]:
    """What is read one after the other, until a page is full: by the context, or else by time."""
    if few is not None:
        yield partial(ids_of_few, few, ascending=ascending)
        return
    span = TimeRange.of(events)
    if span.is_small:
        yield partial(ids_of_few, events, ascending=ascending)
        return
    parts: list[IdReader] = [
        partial(ids_of_few, span.below(events), ascending=ascending),
        partial(select_ids, span.inside(events), ascending=ascending, ordered=ordered),
        partial(ids_of_few, span.above(events), ascending=ascending),
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


def ids_of_few(
    events: SystemEventQuerySet, limit: int, *, ascending: bool = False
) -> index_scan.Statement:
    """Return what reads the ids of a page of events that are few; raises `EmptyResultSet`.

    All are found before they are sorted: PostgreSQL would else follow the ids until it has enough.
    """
    sql, params = events.order_by().values_list("pk").query.sql_with_params()
    order = "ASC" if ascending else "DESC"
    return (
        f"SELECT id FROM ({sql} OFFSET 0) AS few (id) "  # noqa: S608 - Django's SQL
        f"ORDER BY id {order} LIMIT {limit}",
        list(params),
    )


def _without_filters(events: SystemEventQuerySet) -> SystemEventQuerySet:
    """Return the set without its filters, for rows that are known to match.

    Asked again, they would only tempt PostgreSQL to another plan.
    """
    rows = events.all()
    rows.query.where = WhereNode()
    return rows
