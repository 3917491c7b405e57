"""Emit, query and resolve: each call twice, for threads and for event loops."""

import asyncio
import atexit
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from . import statements
from .action import library_parameters
from .catalog import Resolver
from .connection import AsyncSharedConnection, Rows, SharedConnection
from .following import settled
from .query import EventQuery, Names
from .record import Record, Records
from .twins import twin_of
from .writing import writer

_connection = SharedConnection()
_async_connection = AsyncSharedConnection()


def emit(
    category: str,
    severity: str,
    event_type: str,
    message: str,
    *,
    device_id: UUID | str | None = None,
    account_id: UUID | str | None = None,
    context: Mapping[str, Any] | None = None,
) -> int | None:
    """Store one event; return its id once it is committed, None once it is in the spool.

    What it returned for is never lost, whatever is killed, and stored once: by threads, event
    loops, forks, pools and workers that fork, in signal handlers, finalizers, `atexit` and daemon
    threads, up to the end of the interpreter. Where it raises because a signal handler did, the
    event may be stored, once, or not.

    Commits by itself, whatever transaction the caller has open, and in one transaction with events
    of other threads. Takes at most SOVI_EMIT_TIMEOUT_SECONDS: when PostgreSQL can't be reached, is
    too slow or full, or refuses, the event is kept on disk and stored later, with the time it
    happened. Beside a thread that keeps the interpreter busy it waits for two or three of its
    switch intervals, 10 to 15 ms in all (see `sys.setswitchinterval`). An id that is no UUID, or in
    no table, is kept in the context, as `unknown_device_id` or `unknown_account_id`; `""` is none.
    Messages over 8 KB and contexts over 64 KB are cut with a mark. In a running event loop this
    blocks the loop: await `async_emit` there.

    Raises `InvalidEvent` for a mistake in the arguments; `ConfigurationError` and
    `DatabaseConfigurationError` (of `sovi_events.errors`) for one in the settings.
    """
    record = Record.of(
        category,
        severity,
        event_type,
        message,
        device_id=device_id,
        account_id=account_id,
        context=context,
    )
    return store([record])[0]


@twin_of(emit)
async def async_emit(**event: Any) -> int | None:
    """`emit`, for a running event loop."""
    return (await async_store([Record.of(**event)]))[0]


def emit_many(events: Iterable[Mapping[str, Any]]) -> list[int | None]:
    """Store several events in one transaction; return their ids in the order given, ascending.

    Each is a mapping with `emit`'s parameter names. None stands for an event in the spool: all of
    them, or one that PostgreSQL refused. May take as many times `emit`'s bound as there are ten
    thousands of events. Raises as `emit` does; an `InvalidEvent` names the index of the event it is
    about, and nothing is stored.
    """
    return store(Records(events))


async def async_emit_many(events: Iterable[Mapping[str, Any]]) -> list[int | None]:
    """`emit_many`, for a running event loop."""
    return await async_store(Records(events))


def get_unresolved(
    severity: Names = None,
    category: Names = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return unresolved events, newest first, as dicts with the table's columns."""
    return get_events(severity=severity, category=category, resolved=False, limit=limit)


@twin_of(get_unresolved)
async def async_get_unresolved(**filters: Any) -> Rows:
    """`get_unresolved`, for a running event loop."""
    return await async_get_events(resolved=False, **filters)


def get_events(
    *,
    category: Names = None,
    severity: Names = None,
    event_type: Names = None,
    device_id: UUID | str | None = None,
    account_id: UUID | str | None = None,
    resolved: bool | None = None,
    limit: int = 100,
    after_id: int | None = None,
) -> list[dict[str, Any]]:
    """Return events as dicts with the table's columns, newest first; times are aware.

    With `after_id`, ascending from it and settled rows only: go on with the last id of a page, and
    no event is missed, however its writers overlap. A page may then be shorter than `limit`, even
    empty, while a writer is open. Raises `InvalidEvent`, `DatabaseUnavailable`.
    """
    query = EventQuery.of(
        category=category,
        severity=severity,
        event_type=event_type,
        device_id=device_id,
        account_id=account_id,
        resolved=resolved,
        limit=limit,
        after_id=after_id,
    )
    return read(query)


@twin_of(get_events)
async def async_get_events(**filters: Any) -> Rows:
    """`get_events`, for a running event loop."""
    return await async_read(EventQuery.of(**filters))


def resolve(
    event_id: int,
    resolved_by: Resolver = "auto",
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> bool:
    """Resolve an event, and record it in `event_actions`; the first resolver is kept.

    Returns True when the event is resolved after the call, False when there is no such event.
    `actor` names who it is, by default this program and host. Raises `InvalidEvent`,
    `DatabaseUnavailable`, and `NotMigrated` on a database without `event_actions`.
    """
    params = library_parameters(event_id, "resolved_by", resolved_by, actor, reason)
    return _act(statements.RESOLVE, params)


@twin_of(resolve)
async def async_resolve(event_id: object, resolved_by: object, **who: Any) -> bool:
    """`resolve`, for a running event loop."""
    params = library_parameters(event_id, "resolved_by", resolved_by, **who)
    return await _async_act(statements.RESOLVE, params)


def reopen(
    event_id: int,
    reopened_by: Resolver = "auto",
    *,
    actor: str | None = None,
    reason: str | None = None,
) -> bool:
    """Make a resolved event unresolved again, and record it in `event_actions`.

    Returns True when the event is unresolved after the call, False when there is no such event.
    Otherwise as `resolve`.
    """
    params = library_parameters(event_id, "reopened_by", reopened_by, actor, reason)
    return _act(statements.REOPEN, params)


@twin_of(reopen)
async def async_reopen(event_id: object, reopened_by: object, **who: Any) -> bool:
    """`reopen`, for a running event loop."""
    params = library_parameters(event_id, "reopened_by", reopened_by, **who)
    return await _async_act(statements.REOPEN, params)


def flush(timeout: float = 10.0) -> bool:
    """Wait at most `timeout` seconds until nothing is left to send; return whether nothing is.

    Tries the database at once, if it was away. What PostgreSQL refused is not waited for.
    """
    return writer.current().flush(timeout)


async def async_flush(timeout: float = 10.0) -> bool:  # noqa: ASYNC109 - the sync twin's
    """`flush`, for a running event loop."""
    return await asyncio.to_thread(flush, timeout)


def close() -> None:
    """Give the connections of this process's threads back; the next call opens others.

    It reads the environment again. Programs need not call it: it is done when they exit.
    """
    writer.close()
    _connection.close()


atexit.register(close)


# -- The same of what was checked before ----------------------------------------------------------


def store(records: Sequence[Record]) -> list[int | None]:
    """Store events as `emit_many` does; return their ids in the order given."""
    return writer.current().store(records) if records else []


async def async_store(records: Sequence[Record]) -> list[int | None]:
    """`store`, for a running event loop."""
    return await writer.current().store_from_loop(records) if records else []


def read(query: EventQuery) -> Rows:
    """Return the events of a query as `get_events` does."""
    settled_id = None if query.after_id is None else _settled_id()
    return _shown(_connection.run(*query.statement(settled_id), prepare=False))


async def async_read(query: EventQuery) -> Rows:
    """`read`, for a running event loop."""
    settled_id = None if query.after_id is None else await _async_settled_id()
    return _shown(await _async_connection.run(*query.statement(settled_id), prepare=False))


def _act(statement: str, params: dict[str, Any]) -> bool:
    """Return whether the event is as the statement makes it, be it since before."""
    return bool(
        _connection.run(statement, params) or _connection.run(statements.SELECT_IDS, params)
    )


async def _async_act(statement: str, params: dict[str, Any]) -> bool:
    return bool(
        await _async_connection.run(statement, params)
        or await _async_connection.run(statements.SELECT_IDS, params)
    )


def _settled_id() -> int | None:
    # Across a restart a prepared transaction changes its name, and looks ended: read anew then.
    while True:
        session = _connection.session
        horizon = settled.read_horizon(lambda statement: _tuples(_connection.run(statement)))
        if _connection.session is session:
            return horizon.id


async def _async_settled_id() -> int | None:
    async def run(statement: str) -> list[tuple[Any, ...]]:
        return _tuples(await _async_connection.run(statement))

    while True:
        session = _async_connection.session
        horizon = await settled.async_read_horizon(run)
        if _async_connection.session is session:
            return horizon.id


def _tuples(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows]


def _shown(rows: Rows) -> Rows:
    """A NULL `resolved` reads as False, a NULL `context` as {}."""
    for row in rows:
        row["resolved"] = bool(row["resolved"])
        row["context"] = {} if row["context"] is None else row["context"]
    return rows
