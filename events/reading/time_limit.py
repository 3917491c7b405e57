"""How long PostgreSQL may take, and which plans it may not choose, within a transaction."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

from sovi_events.index_scan import Statement

from .raw_sql import read_rows

NARROW = "Narrow the range: a span of time, a device, an account or an event type."
NOTHING_CHANGED = "Nothing was changed: try again."

FROM_FIRST_ROWS = {"enable_seqscan": "off", "jit": "off"}
"""Of the planner, where a page fills from its first rows on, mostly long before the whole table
would have been read; nothing that somebody waits for is worth compiling."""

ALONG_INDEXES = {"enable_sort": "off", "enable_bitmapscan": "off", **FROM_FIRST_ROWS}
"""Of the planner, where a statement stops at an index's first rows, whatever it takes a table for
that was last analysed when it was empty."""


READ_COMMITTED = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
"""So that who changes a row at once with another waits, and isn't refused, whatever the database's
default is."""


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
            before = _settings_now(ours) if is_part else {}
            read_rows(*local_settings(ours))
            yield
            if is_part:
                read_rows(*local_settings(before))
    except OperationalError as error:
        if isinstance(error.__cause__, stopped):
            raise TookTooLong(limit, advice) from error
        raise


def local_settings(values: Mapping[str, str]) -> Statement:
    """Return what changes settings of PostgreSQL for the rest of the transaction.

    So they work behind a pooler too.
    """
    changes = ["set_config(%s, %s, true)"] * len(values)
    return f"SELECT {', '.join(changes)}", [*chain.from_iterable(values.items())]


def _settings_now(names: Iterable[str]) -> dict[str, str]:
    current = ", ".join(f"current_setting('{name}')" for name in names)
    [values] = read_rows(f"SELECT {current}")
    return dict(zip(names, values, strict=True))


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


@contextmanager
def statement_limit(
    seconds: float | None = None,
    *,
    advice: str = NARROW,
    planner: Mapping[str, str] = FROM_FIRST_ROWS,
) -> Iterator[None]:
    """Like `time_limit`, of statements of which each may be a transaction of its own.

    Its settings go to PostgreSQL in the message that holds the statement, which makes a transaction
    of both: one round trip, where `time_limit` takes four. Not around an `atomic` in another, nor
    another limit: the settings would go before savepoints too, and over the other's.
    """
    if connection.in_atomic_block:
        with time_limit(seconds, advice=advice, planner=planner):
            yield
        return
    limit = settings.SOVI_QUERY_TIMEOUT_SECONDS if seconds is None else seconds
    ours = {"statement_timeout": _milliseconds(limit), **planner}
    set_ours = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in ours.items())

    def with_settings(
        execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        result = execute(f"{READ_COMMITTED}; SELECT {set_ours}; {sql}", params, many, context)
        context["cursor"].nextset()
        context["cursor"].nextset()
        return result

    try:
        with connection.execute_wrapper(with_settings):
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TookTooLong(limit, advice) from error
        raise
