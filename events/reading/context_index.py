"""Events that hold a value of the context which few hold, by the index on it where that stands.

Note: a page of a value that many hold is soon full along the ids; on the way to a value that few
hold that passes all others. PostgreSQL estimates which of the two it is from a sample, and may take
a value that one event in three hundred holds for one that none does: left to choose, it would fetch
tens of thousands of rows for a page. So filters ask for what a context holds in words that no index
serves (`lookups.Includes`), and only here, once few were counted, in those that this one does.
"""

from functools import reduce
from math import isqrt
from operator import and_, or_
from typing import Any

from django.db.models import Q

from events.indexes import CONTEXT_INDEX
from events.models.event import SystemEventQuerySet

from .raw_sql import read_plan, read_rows

PAGE_ROWS = 50
ROWS_BESIDE = 20
"""Of the table, on the page of a row: they are read at once where rows are read in order."""

_ROWS_OF_TABLE = """
SELECT reltuples FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE indexrelid = to_regclass(%s) AND indisvalid
"""


def few_by_context(events: SystemEventQuerySet) -> SystemEventQuerySet | None:
    """Return the events as the index finds them; None without one, or where many hold the value."""
    contained = events.event_filter.contained
    if not contained or not (few := _few(events.db)):
        return None
    wanted = reduce(and_, (reduce(or_, map(_contains, objects)) for objects in contained))
    holding = events.model._default_manager.using(events.db).filter(wanted).order_by()
    sql, params = holding.values_list("pk").query.sql_with_params()
    if read_plan(sql, params, using=events.db)["Plan Rows"] > few:
        return None
    counted = f"SELECT count(*) FROM ({sql} LIMIT {few + 1}) AS holding"  # noqa: S608
    [(rows,)] = read_rows(counted, params, using=events.db)
    return events.filter(wanted) if rows <= few else None


def _few(using: str) -> int:
    """Return how many rows are rather fetched, one and all; 0 without the index.

    So many, each on a page of its own, cost what a page costs whose rows stand that far apart.
    """
    [(rows,)] = read_rows(_ROWS_OF_TABLE, [CONTEXT_INDEX], using=using) or [(0,)]
    return isqrt(max(int(rows), 0) * PAGE_ROWS // ROWS_BESIDE)


def _contains(value: Any) -> Q:
    return Q(context__contains=value)
