"""A page of events read from many short ranges of one index, merged by id.

Note: an index on `(device_id, resolved, event_type, severity, id)` answers "the newest events of a
device and a type, whatever their severity" with as many ranges as the device and type have
severities, each in the order of ids. Which values a column has under the ones before it is found by
jumping from one to the next in the index itself. So the few indexes here serve every choice of
their columns, and the cost follows the number of combinations that exist and the page, never the
number of rows. PostgreSQL would sort every row of the device instead, or pass over every row that
is not wanted.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

TYPES = {
    "category": "text",
    "severity": "text",
    "event_type": "text",
    "device_id": "uuid",
    "account_id": "uuid",
    "resolved_by": "text",
}
"""The columns that events are looked up by, besides `resolved`."""

COMMON_SEVERITY = "info"
"""Of nearly all events: the index on severities is without it, and so costs next to nothing."""
RARE_SEVERITY = f"event.severity <> '{COMMON_SEVERITY}'"
STATE_UNKNOWN = "event.resolved IS NULL"
STATES: dict[bool | None, tuple[str, ...]] = {
    True: ("event.resolved",),
    False: ("NOT event.resolved", STATE_UNKNOWN),
    None: ("event.resolved", "NOT event.resolved", STATE_UNKNOWN),
}
"""What `resolved` may be asked for, as conditions of which each is one range of an index."""

KIND = ("category", "resolved", "event_type", "severity")
"""The index whose ranges serve whatever has no index of its own."""

EqualityFilters = Mapping[str, Sequence[Any]]
"""Columns, each with the values of which it must hold one."""

Statement = tuple[str, list[Any]]
"""SQL with psycopg's `%s`, and its parameters."""

SOURCE_COLUMNS = ("id", "resolved", *TYPES)


class SourceQuery(NamedTuple):
    """The events that may be read: a query of the columns in `SOURCE_COLUMNS`, in this order."""

    sql: str
    params: Sequence[Any]


def index_for(equal: EqualityFilters, resolved: bool | None) -> tuple[str, ...] | None:
    """Return the columns of the index that events are read by, which its ids follow.

    None where PostgreSQL needs no help, as none is better than that on the ids.
    """
    for column in ("account_id", "device_id"):
        if column in equal:
            return (column, "resolved", "event_type", "severity")
    if "category" in equal or "event_type" in equal:
        return KIND
    if "resolved_by" in equal:
        return ("resolved_by",)
    if resolved is False:
        return ("severity",)  # the unresolved have an index of theirs
    if "severity" in equal:
        is_rare = COMMON_SEVERITY not in equal["severity"]
        return ("severity",) if is_rare and resolved is None else KIND
    # Nobody knows how far back the last resolved one lies.
    return KIND if resolved else None


def merged_ids(
    source: SourceQuery,
    index: Sequence[str],
    equal: EqualityFilters,
    resolved: bool | None,
    *,
    limit: int,
    offset: int = 0,
    ascending: bool = False,
    ordered: bool = True,
) -> Statement:
    """The ids of a page of the source, of which `equal` and `resolved` are conditions.

    Without `ordered` any of them, for counting.
    """
    order = "ASC" if ascending else "DESC"
    states = STATES[resolved] if "resolved" in index else (_partial(index, resolved),)
    parts: list[str] = []
    params: list[Any] = []
    for state in states:
        ranges, conditions, values = _ranges(index, equal, state)
        by_last = _order((index[-1], "id"), conditions, order)
        parts.append(
            f"SELECT page.id FROM {' CROSS JOIN LATERAL '.join(ranges)} CROSS JOIN LATERAL ("
            f"SELECT event.id FROM ({source.sql}) AS event ({', '.join(SOURCE_COLUMNS)}) "
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY {by_last} LIMIT {limit + offset}) AS page"
        )
        params += [*values, *source.params]
    union = " UNION ALL ".join(parts)
    if ordered:
        union = f"SELECT id FROM ({union}) AS merged ORDER BY id {order}"
    return f"{union} LIMIT {limit} OFFSET {offset}", params


def _partial(index: Sequence[str], resolved: bool | None) -> str:
    """Name the rows of a partial index: of a value in an array PostgreSQL can't tell whether."""
    if index != ("severity",):
        return "TRUE"
    return "event.resolved IS NOT TRUE" if resolved is False else RARE_SEVERITY


def _ranges(
    index: Sequence[str], equal: EqualityFilters, state: str
) -> tuple[list[str], list[str], list[Any]]:
    """What enumerates the values of the columns, and the conditions that name a range by them."""
    ranges: list[str] = []
    conditions = ["TRUE"] if "resolved" in index else [state]
    params: list[Any] = []
    for is_given, group in groupby(index, lambda column: column in equal or column == "resolved"):
        columns = list(group)
        if not is_given:
            name = "_and_".join(columns)
            ranges.append(f"({_combinations(columns, conditions)}) AS {name}")
            conditions += [_equation(column, name, index) for column in columns]
            continue
        for column in columns:
            if column == "resolved":
                conditions.append(state)
            else:
                ranges.append(f"unnest(%s::{TYPES[column]}[]) AS {column} ({column})")
                params.append(list(dict.fromkeys(equal[column])))
                conditions.append(_equation(column, column, index))
    return ranges, conditions, params


def _equation(column: str, source: str, index: Sequence[str]) -> str:
    value = f"{source}.{column}"
    if column == index[-1]:
        # A range, so that an order by this column and the id still asks for an index on both: were
        # it an equation, PostgreSQL might follow the ids alone, and pass over all other values.
        return f"event.{column} BETWEEN {value} AND {value}"
    return f"event.{column} = {value}"


def _order(columns: Sequence[str], conditions: Sequence[str], direction: str) -> str:
    if STATE_UNKNOWN in conditions:
        # To PostgreSQL NULLs are not known to be alike: without this it would sort them all.
        columns = ("resolved", *columns)
    return ", ".join(f"event.{column} {direction}" for column in columns)


def _combinations(columns: Sequence[str], conditions: Sequence[str]) -> str:
    """The combinations of neighbouring columns that exist, jumping in the index to each."""
    values = ", ".join(f"event.{column}" for column in columns)
    known = ", ".join(f"known.{column}" for column in columns)
    order = _order(columns, conditions, "ASC")
    first = f"SELECT {values} FROM system_events AS event WHERE {' AND '.join(conditions)}"
    found = (
        f"WITH RECURSIVE known ({', '.join(columns)}) AS (({first} ORDER BY {order} LIMIT 1) "
        f"UNION ALL SELECT following.* FROM known CROSS JOIN LATERAL ("
        f"{first} AND ({values}) > ({known}) ORDER BY {order} LIMIT 1) AS following) "
        f"SELECT {', '.join(columns)} FROM known"
    )
    # Of a recursion PostgreSQL expects a hundred rows, and multiplied the cost would seem worth
    # compiling, which takes longer than the query. Of an array it expects ten values, of what is at
    # least something a third.
    if len(columns) == 1:
        return f"SELECT unnest(ARRAY({found})) AS {columns[0]}"
    some = " AND ".join(f"{column} >= ''" for column in columns)
    return f"{found} WHERE {some}"
