"""Rolling up what is settled, chunk by chunk, so that each transaction is short."""

import time
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from events.batch_size import next_batch_size
from events.reading.raw_sql import read_rows
from sovi_events.following import settled

from . import statements

FIRST_ROWS, FEWEST_ROWS, MOST_ROWS = 5_000, 500, 50_000
CHUNK_SECONDS = 0.1
"""What one transaction is meant to take: others wait for it, at most."""


def roll_up(
    *, at_least: int = 1, waits: bool = True, wait_seconds: float = settled.WAIT_SECONDS
) -> Iterator[int]:
    """Roll up what is settled; yield after each transaction the events it took in.

    Ends where less than `at_least` is left; unless it `waits`, also where another process is at it.
    Open writers are waited for at most `wait_seconds`.
    """
    _, ids_behind = read_progress()
    if ids_behind < at_least:
        return  # without asking which ids are settled, as that may wait
    horizon = settled.read_horizon(read_rows, wait_seconds=wait_seconds)
    rows = FIRST_ROWS
    while True:
        began = time.monotonic()
        taken = _take_in(horizon.id, max(rows, at_least), at_least, waits)
        if not taken:
            return
        yield taken
        seconds = time.monotonic() - began
        rows = next_batch_size(rows, seconds, CHUNK_SECONDS, fewest=FEWEST_ROWS, most=MOST_ROWS)


def read_progress() -> tuple[int, int]:
    """Return up to which id events are rolled up, and how many ids were given out since."""
    [(mark, last_id, is_another)] = read_rows(statements.PROGRESS)
    if last_id < mark or is_another:
        # Another table than the one that was rolled up: truncated, or restored from before.
        start_over()
        [(mark, last_id, _)] = read_rows(statements.PROGRESS)
    return mark, last_id - mark


def read_mark() -> int:
    return read_progress()[0]


def start_over() -> None:
    """Forget what was rolled up: after rows were changed or deleted by other programs."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements.LOCK)
        cursor.execute(statements.CLEAR)


def _take_in(settled_id: int, rows: int, at_least: int, waits: bool) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements.LOCK if waits else statements.TRY_LOCK)
        if not waits and not cursor.fetchone()[0]:
            return 0
        params: Any = {"mark": read_mark(), "settled": settled_id, "rows": rows}
        cursor.execute(statements.NEXT_CHUNK, params)
        taken, params["upto"] = cursor.fetchone()
        if taken < at_least:
            return 0
        cursor.execute(statements.ROLL_UP, params)
        cursor.execute(statements.MOVE_MARK, params)
        return int(taken)
