"""Deleting old events in small transactions."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from events.bounded import COUNT_BOUND
from events.rollups import statements as rollups
from events.rollups.rolling import adapted, read_mark

from .policy import Policy

FIRST_ROWS, FEWEST_ROWS, MOST_ROWS = 500, 50, 10_000
COUNT_SECONDS = 2

_ONE_AT_A_TIME = 8317708086930431598


# In the order of time, from the last row looked at on. Times pass through here as text: Python
# holds neither all of PostgreSQL's years nor its infinities.
_WINDOW = """
SELECT max(timestamp)::text FROM (
    SELECT timestamp FROM system_events
    WHERE timestamp < %(until)s AND {after} ORDER BY timestamp LIMIT %(rows)s
) AS next_rows
"""

# A row that somebody is at work on is left for the next run rather than waited for.
_DELETE = """
WITH due AS MATERIALIZED (
    SELECT id FROM system_events
    WHERE {after} AND timestamp <= %(last)s AND {due}
    LIMIT %(rows)s FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM system_events USING due WHERE system_events.id = due.id
    RETURNING system_events.*
), taken_out AS (
    {take_out}
)
SELECT count(*) FROM gone
"""


class Progress(NamedTuple):
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


def prune(policy: Policy, now: datetime) -> Iterator[Progress]:
    """Delete what is due; yield after each transaction.

    Goes through the index on time once, so that memory is bounded, what is kept is passed over once
    a run, and a run that was stopped is continued by the next.
    """
    if not policy.ages:
        return
    walk = _Walk(*policy.due(now), until=policy.until(now))
    deleted, rows = 0, FIRST_ROWS
    while (last := walk.next_window(rows)) is not None:
        whole = False
        while not whole:
            began = time.monotonic()
            gone = walk.delete(last, rows)
            # Rows of one time may be more than a window's: they are one, in several transactions.
            whole = gone < rows
            deleted += gone
            rows = adapted(rows, time.monotonic() - began, FEWEST_ROWS, MOST_ROWS)
            yield Progress(deleted, last)
        walk.after = last


@dataclass
class _Walk:
    due: str
    params: dict[str, Any]
    until: datetime
    after: str | None = None

    def next_window(self, rows: int) -> str | None:
        """Return the time of the last of the next rows, None where there are none."""
        with connection.cursor() as cursor:
            cursor.execute(
                _WINDOW.format(after=self._condition),
                {"until": self.until, "after": self.after, "rows": rows},
            )
            last: str | None = cursor.fetchone()[0]
        return last

    def delete(self, last: str, rows: int) -> int:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(rollups.LOCK)
            params = self.params | {
                "after": self.after,
                "last": last,
                "rows": rows,
                "mark": read_mark(),
            }
            taken_out = rollups.add(
                "(SELECT * FROM gone WHERE id <= %(mark)s) AS rolled_up", sign="-"
            )
            statement = _DELETE.format(after=self._condition, due=self.due, take_out=taken_out)
            cursor.execute(statement, params)
            (gone,) = cursor.fetchone()
            if gone:
                cursor.execute(rollups.TIDY, params)
        return int(gone)

    @property
    def _condition(self) -> str:
        return "true" if self.after is None else "timestamp > %(after)s::timestamptz"


def count_due(policy: Policy, now: datetime) -> Expected:
    """Count what is due, to `COUNT_BOUND` and for `COUNT_SECONDS` at most; else estimate."""
    if not policy.ages:
        return Expected(0, exact=True)
    due, params = policy.due(now)
    selection = f"SELECT id FROM system_events WHERE {due}"  # noqa: S608 - made of constants
    with connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute("SET LOCAL statement_timeout = %s", [f"{COUNT_SECONDS}s"])
                counted = f"SELECT count(*) FROM ({selection} LIMIT {COUNT_BOUND + 1}) AS due"  # noqa: S608
                cursor.execute(counted, params)
                (rows,) = cursor.fetchone()
            if rows <= COUNT_BOUND:
                return Expected(rows, exact=True)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled):
                raise
            rows = 0
        cursor.execute(f"EXPLAIN (FORMAT JSON) {selection}", params)
        (plan,) = cursor.fetchone()
    [found] = json.loads(plan) if isinstance(plan, str) else plan
    return Expected(max(int(found["Plan"]["Plan Rows"]), rows), exact=False)
