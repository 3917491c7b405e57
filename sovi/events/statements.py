"""Every SQL statement of the library, named by its purpose; parameters are psycopg's `%(name)s`.

The operators' application runs the same text through Django's cursor where both need one rule.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

COLUMNS = (
    "id",
    "timestamp",
    "category",
    "severity",
    "event_type",
    "device_id",
    "account_id",
    "message",
    "context",
    "resolved",
    "resolved_by",
    "resolved_at",
)
"""The specification's columns, in its order: the keys of every event shown."""

# A foreign key that does not hold is found by the plain insert; only then are the ids looked up.
INSERT = """
INSERT INTO system_events
    (category, severity, event_type, device_id, account_id, message, context)
VALUES (%(category)s, %(severity)s, %(event_type)s, %(device_id)s, %(account_id)s,
        %(message)s, %(context)s::jsonb)
RETURNING id
"""

# The rows are numbered and sorted so that the sequence gives the ids out in the caller's order.
INSERT_MANY = """
INSERT INTO system_events
    (category, severity, event_type, device_id, account_id, message, context)
SELECT category, severity, event_type, devices.id, accounts.id, message,
       context::jsonb
       || CASE WHEN given.device_id IS NOT NULL AND devices.id IS NULL
               THEN jsonb_build_object('unknown_device_id', given.device_id) ELSE '{}' END
       || CASE WHEN given.account_id IS NOT NULL AND accounts.id IS NULL
               THEN jsonb_build_object('unknown_account_id', given.account_id) ELSE '{}' END
FROM unnest(%(category)s::text[], %(severity)s::text[], %(event_type)s::text[],
            %(device_id)s::uuid[], %(account_id)s::uuid[], %(message)s::text[],
            %(context)s::text[])
     WITH ORDINALITY
     AS given (category, severity, event_type, device_id, account_id, message, context, position)
LEFT JOIN devices ON devices.id = given.device_id
LEFT JOIN accounts ON accounts.id = given.account_id
ORDER BY position
RETURNING id
"""

# One statement, so that the change and its record commit together; ranges of ids keep it small.
_ACT = """
WITH changed AS (
    UPDATE system_events SET {change}
    WHERE id = ANY(%(ids)s::bigint[]) AND {condition}
    RETURNING id
), recorded AS (
    INSERT INTO event_actions
        (timestamp, action, actor, actor_kind, face, reason, operation, events)
    SELECT now(), %(action)s, %(actor)s, %(actor_kind)s, %(face)s, %(reason)s, %(operation)s,
           range_agg(int8range(id, nullif(id, 9223372036854775807) + 1))
    FROM changed
    HAVING count(*) > 0
)
SELECT id FROM changed
"""

RESOLVE = _ACT.format(
    change="resolved = true, resolved_by = %(actor_kind)s, resolved_at = now()",
    condition="resolved IS NOT TRUE",
).replace("%(action)s", "'resolve'")
"""Resolve those of `ids` that are not yet, record who did; answer the ids changed."""

REOPEN = _ACT.format(
    change="resolved = false, resolved_by = NULL, resolved_at = NULL",
    condition="resolved IS TRUE",
).replace("%(action)s", "'reopen'")
"""Reopen those of `ids` that are resolved, record who did; answer the ids changed."""

SELECT_IDS = "SELECT id FROM system_events WHERE id = ANY(%(ids)s::bigint[])"


def select_events(
    *,
    equal: dict[str, Sequence[Any]],
    resolved: bool | None,
    limit: int,
    after_id: int | None = None,
    settled_id: int | None = None,
) -> tuple[sql.Composed, dict[str, Any]]:
    """Events of which each column in `equal` holds one of its values.

    Newest id first; with `after_id`, ascending from it and no further than `settled_id`.
    """
    conditions: list[sql.Composable] = [
        sql.SQL("{} = ANY({})").format(sql.Identifier(column), sql.Placeholder(column))
        for column in equal
    ]
    if resolved is not None:
        conditions.append(sql.SQL("resolved IS TRUE" if resolved else "resolved IS NOT TRUE"))
    if after_id is not None:
        conditions.append(sql.SQL("id > %(after_id)s AND id <= %(settled_id)s"))
    statement = sql.SQL(
        "SELECT {columns} FROM system_events {where} ORDER BY id {order} LIMIT %(limit)s"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
        where=sql.SQL("WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL(""),
        order=sql.SQL("DESC" if after_id is None else "ASC"),
    )
    params = {
        **{column: list(values) for column, values in equal.items()},
        "after_id": after_id,
        "settled_id": settled_id,
        "limit": limit,
    }
    return statement, params


# -- Settled reading (see `settled`) --------------------------------------------------------------


def last_id(table: str) -> str:
    """The last id given out, whether or not its row is (still) there; without a sequence, any."""
    return f"""
SELECT CASE WHEN sequence.name IS NULL THEN 9223372036854775807
            ELSE coalesce(pg_sequence_last_value(sequence.name::regclass), 0) END
FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS name) AS sequence
"""


def newest_id(table: str) -> str:
    """The highest id to be seen.

    One given by hand above the sequence does not count: the sequence will still pass below it.
    """
    return f"SELECT least((SELECT coalesce(max(id), 0) FROM {table}), ({last_id(table)}))"


NEWEST_ID = newest_id("system_events")

# INSERT and COPY lock the table before they draw an id, and let go once their rows are visible.
# A partition written directly is locked itself, its parent is not; other databases don't matter.
# A reader's own transaction sees what it wrote. A table without partitions has no partition tree.
# Who writes `event_actions` writes the events too; one set of holders serves both.
HOLDERS = """
SELECT DISTINCT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
  AND relation IN (SELECT 'system_events'::regclass
                   UNION SELECT relid FROM pg_partition_tree('system_events')
                   UNION SELECT to_regclass('event_actions'))
"""


def read_above(table: str, columns: Sequence[str]) -> str:
    """What a follower has not read above its high id: the next `limit` rows, ascending."""
    return f"""
SELECT {", ".join(columns)} FROM {table}
WHERE id > %(high)s AND id <= ({last_id(table)})
ORDER BY id LIMIT %(limit)s
"""


def read_late(table: str, columns: Sequence[str]) -> str:
    """What has appeared in the gaps that a follower left open below its high id.

    Bounded by `limit` too, inside each gap as well: a batch of a million rows that was open while
    others committed is one gap, and must not arrive in one piece.
    """
    return f"""
SELECT late.* FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS gap (first, last)
CROSS JOIN LATERAL (SELECT {", ".join(columns)} FROM {table}
                    WHERE id BETWEEN gap.first AND gap.last ORDER BY id LIMIT %(limit)s) AS late
ORDER BY late.id LIMIT %(limit)s
"""


def gaps_below(table: str) -> str:
    """Where a follower starts: ids below its high id that are not visible, and may yet be."""
    return f"""
SELECT previous_id + 1 AS first, id - 1 AS last
FROM (SELECT id, lag(id, 1, %(floor)s::bigint) OVER (ORDER BY id) AS previous_id
      FROM {table} WHERE id > %(floor)s AND id <= %(high)s) AS seen
WHERE id > previous_id + 1
"""
