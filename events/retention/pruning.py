"""Deleting old events in small transactions."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from events.batch_size import next_batch_size
from events.reading.bounded_count import COUNT_BOUND
from events.reading.raw_sql import read_rows
from events.reading.time_limit import ALONG_INDEXES, TookTooLong, local_settings, time_limit
from events.statistics.rollups import statements as rollups
from events.statistics.rollups.rolling import CHUNK_SECONDS, read_mark

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
    WHERE timestamp < %(until)s AND {after} ORDER BY timestamp, id LIMIT %(rows)s
) AS next_rows
ORDER BY next_rows.timestamp DESC, next_rows.id DESC LIMIT 1
"""

# A row that somebody is at work on, or that joined the window since, is left for the next run. By
# ctid, as that table may make the planner look for the ids in an index that has them last.
_DELETE = """
WITH due AS (
    SELECT ctid FROM system_events
    WHERE {after} AND (timestamp, id) <= (%(last)s::timestamptz, %(last_id)s) AND {due}
    ORDER BY timestamp, id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM system_events WHERE ctid = ANY (ARRAY(SELECT ctid FROM due)) RETURNING *
), taken_out AS (
    {take_out}
)
SELECT count(*) FROM gone
"""


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
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ONE_AT_A_TIME])
        (alone,) = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])


def prune(policy: Policy, now: datetime) -> Iterator[Pruned]:
    """Delete what is due; yield after each transaction.

    Goes through the index on time once, so that memory is bounded, what is kept is passed over once
    a run, and a run that was stopped is continued by the next.
    """
    if not policy.ages:
        return
    walk = _Walk(*policy.due(now), until=policy.until(now))
    deleted, rows = 0, FIRST_ROWS
    began = time.monotonic()
    while (gone := walk.step(rows)) is not None:
        deleted += gone
        seconds = time.monotonic() - began
        rows = next_batch_size(rows, seconds, CHUNK_SECONDS, fewest=FEWEST_ROWS, most=MOST_ROWS)
        yield Pruned(deleted, walk.reached)
        began = time.monotonic()


class _Place(NamedTuple):
    """Where a row stands in the order of (timestamp, id); the time is PostgreSQL's text."""

    time: str
    id: int


@dataclass
class _Walk:
    due: str
    params: dict[str, Any]
    until: datetime
    after: _Place | None = None

    @property
    def reached(self) -> str:
        return self.after.time if self.after else ""

    def step(self, rows: int) -> int | None:
        """Delete what is due of the next rows and move past them; None where there are none."""
        with transaction.atomic(), connection.cursor() as cursor:
            # So that a transaction reads no more than its window.
            read_rows(*local_settings(ALONG_INDEXES))
            params = self.params | self._passed | {"until": self.until, "rows": rows}
            cursor.execute(_WINDOW.format(after=self._condition), params)
            if (found := cursor.fetchone()) is None:
                return None
            last = _Place(*found)
            cursor.execute(rollups.LOCK)
            params |= {"last": last.time, "last_id": last.id, "mark": read_mark()}
            taken_out = rollups.add(
                "(SELECT * FROM gone WHERE id <= %(mark)s) AS rolled_up", sign="-"
            )
            statement = _DELETE.format(after=self._condition, due=self.due, take_out=taken_out)
            cursor.execute(statement, params)
            (gone,) = cursor.fetchone()
            if gone:
                cursor.execute(rollups.TIDY, params)
        self.after = last
        return int(gone)

    @property
    def _passed(self) -> dict[str, Any]:
        if self.after is None:
            return {"after": None}
        return {"after": self.after.time, "after_id": self.after.id}

    @property
    def _condition(self) -> str:
        if self.after is None:
            return "true"
        return "(timestamp, id) > (%(after)s::timestamptz, %(after_id)s)"


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
    [(plan,)] = read_rows(f"EXPLAIN (FORMAT JSON) {selection}", params)
    [found] = json.loads(plan) if isinstance(plan, str) else plan
    return Expected(max(int(found["Plan"]["Plan Rows"]), rows), exact=False)
