"""How long PostgreSQL may take, and which plans it may not choose, within a transaction."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

from sovi_events.index_scan import Statement

from .raw_sql import read_rows

NARROW = "Narrow the range: a span of time, a device, an account or an event type."

FROM_FIRST_ROWS = {"enable_seqscan": "off", "jit": "off"}
"""Of the planner, where a page fills from its first rows on, mostly long before the whole table
would have been read; nothing that somebody waits for is worth compiling."""

ALONG_INDEXES = {"enable_sort": "off", "enable_bitmapscan": "off", **FROM_FIRST_ROWS}
"""Of the planner, where a statement stops at an index's first rows, whatever it takes a table for
that was last analysed when it was empty."""

_SET = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) AS _ (name, value)"
_READ = "SELECT current_setting(name) FROM unnest(%s::text[]) AS _ (name)"


class TookTooLong(Exception):
    """A statement was stopped at its limit; the message says what may help."""

    def __init__(self, seconds: float, advice: str = NARROW) -> None:
        super().__init__(f"The query took longer than {seconds:g} s. {advice}")


@contextmanager
def time_limit(
    seconds: float | None = None,
    *,
    advice: str = NARROW,
    planner: Mapping[str, str] = FROM_FIRST_ROWS,
    lock_seconds: float | None = None,
) -> Iterator[None]:
    """Stop any statement of the block that takes longer; by default what the site allows.

    A statement that waits for a lock is stopped after `lock_seconds`, if given. The block is one
    transaction, or a part of the caller's. Raises `TookTooLong`, which gives the advice.
    """
    limit = settings.SOVI_QUERY_TIMEOUT_SECONDS if seconds is None else seconds
    ours = {"statement_timeout": _milliseconds(limit), **planner}
    stopped: tuple[type[psycopg.Error], ...] = (psycopg.errors.QueryCanceled,)
    if lock_seconds is not None:
        ours["lock_timeout"] = _milliseconds(lock_seconds)
        stopped += (psycopg.errors.LockNotAvailable,)
    is_part = connection.in_atomic_block
    try:
        with transaction.atomic():
            before = [value for (value,) in read_rows(_READ, [list(ours)])] if is_part else []
            read_rows(*local_settings(ours))
            yield
            if is_part:
                read_rows(*local_settings(dict(zip(ours, before, strict=True))))
    except OperationalError as error:
        if isinstance(error.__cause__, stopped):
            raise TookTooLong(limit, advice) from error
        raise


def local_settings(values: Mapping[str, str]) -> Statement:
    """Return what changes settings of PostgreSQL for the rest of the transaction.

    So they work behind a pooler too.
    """
    return _SET, [list(values), list(values.values())]


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
