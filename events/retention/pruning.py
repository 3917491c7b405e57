"""Deleting old events in small transactions."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from events.batch_size import next_batch_size
from events.reading.bounded_count import COUNT_BOUND
from events.reading.raw_sql import read_plan, read_rows
from events.reading.time_limit import ALONG_INDEXES, TookTooLong, local_settings, time_limit
from events.statistics.rollups import statements as rollups
from events.statistics.rollups.rolling import CHUNK_SECONDS, read_mark
from sovi_events.following.position import MAX_ID

from .policy import Policy

FIRST_ROWS, FEWEST_ROWS, MOST_ROWS = 500, 50, 10_000
COUNT_SECONDS = 2

_ONE_AT_A_TIME = 8317708086930431598

# By (timestamp, id), from the last row looked at on: what is deleted is never read again, even
# where millions of rows are of one moment. Times pass through here as text: Python holds neither
# all of PostgreSQL's years nor its infinities.
_WINDOW = """
SELECT timestamp::text, id FROM (
    SELECT timestamp, id FROM system_events
    WHERE timestamp < %(until)s AND (timestamp, id) > (%(after)s::timestamptz, %(after_id)s)
    ORDER BY timestamp, id LIMIT %(rows)s
) AS next_rows
ORDER BY next_rows.timestamp DESC, next_rows.id DESC LIMIT 1
"""

# A row that somebody is at work on, or that joined the window since, is left for the next run. By
# ctid, as that table may make the planner look for the ids in an index that has them last.
_DELETE = f"""
WITH due AS (
    SELECT ctid FROM system_events
    WHERE (timestamp, id) > (%(after)s::timestamptz, %(after_id)s)
      AND (timestamp, id) <= (%(last)s::timestamptz, %(last_id)s) AND {{due}}
    ORDER BY timestamp, id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM system_events WHERE ctid = ANY (ARRAY(SELECT ctid FROM due)) RETURNING *
), taken_out AS (
    {rollups.add("(SELECT * FROM gone WHERE id <= %(mark)s) AS rolled_up", sign="-")}
)
SELECT count(*) FROM gone
"""  # noqa: S608 - made of constants, and of the policy's condition


class Pruned(NamedTuple):
    """Events deleted so far, and the time up to which the table was gone through."""

    deleted: int
    reached: str


class Expected(NamedTuple):
    """How many events are due; `exact`, or PostgreSQL's estimate."""

    rows: int
    exact: bool


@contextmanager
def one_at_a_time() -> Iterator[bool]:
    """Tell whether this process alone prunes, and keep the others out if so."""
    [(alone,)] = read_rows("SELECT pg_try_advisory_lock(%s)", [_ONE_AT_A_TIME])
    try:
        yield alone
    finally:
        if alone and connection.is_usable():
            read_rows("SELECT pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])


def prune(policy: Policy, now: datetime) -> Iterator[Pruned]:
    """Delete what is due; yield after each transaction.

    Goes through the index on time once, so that memory is bounded, what is kept is passed over once
    a run, and a run that was stopped is continued by the next.
    """
    if not policy.ages:
        return
    due, params = policy.due(now)
    params |= {"until": policy.until(now), "after": "-infinity", "after_id": -MAX_ID}
    deleted, rows = 0, FIRST_ROWS
    while True:
        began = time.monotonic()
        step = _delete_next(due, params | {"rows": rows})
        if step is None:
            return
        gone, params["after"], params["after_id"] = step
        deleted += gone
        seconds = time.monotonic() - began
        rows = next_batch_size(rows, seconds, CHUNK_SECONDS, fewest=FEWEST_ROWS, most=MOST_ROWS)
        yield Pruned(deleted, params["after"])


@transaction.atomic
def _delete_next(due: str, params: dict[str, Any]) -> tuple[int, str, int] | None:
    """Delete what is due of the next rows; return how many were, and the last row looked at."""
    # So that the transaction reads no more than its window.
    read_rows(*local_settings(ALONG_INDEXES))
    window = read_rows(_WINDOW, params)
    if not window:
        return None
    [(last, last_id)] = window
    read_rows(rollups.LOCK)
    params |= {"last": last, "last_id": last_id, "mark": read_mark()}
    [(gone,)] = read_rows(_DELETE.format(due=due), params)
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(rollups.TIDY, params)
    return gone, last, last_id


def count_due(policy: Policy, now: datetime) -> Expected:
    """Count what is due, to `COUNT_BOUND` and for `COUNT_SECONDS` at most; else estimate."""
    if not policy.ages:
        return Expected(0, exact=True)
    due, params = policy.due(now)
    selection = f"SELECT id FROM system_events WHERE {due}"  # noqa: S608 - made of constants
    rows = 0
    with suppress(TookTooLong), time_limit(COUNT_SECONDS, planner={}):
        counted = f"SELECT count(*) FROM ({selection} LIMIT {COUNT_BOUND + 1}) AS due"  # noqa: S608
        [(rows,)] = read_rows(counted, params)
        if rows <= COUNT_BOUND:
            return Expected(rows, exact=True)
    expected = int(read_plan(selection, params)["Plan Rows"])
    return Expected(max(expected, rows), exact=False)
