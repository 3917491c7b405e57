"""The library's calls for any arguments: each twice, for threads and for event loops."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from .. import client
from ..connection import Rows
from ..errors import DatabaseConfigurationError, EventsError
from ..record import Record
from ..spool.losses import Losses
from ..twins import twin_of
from ..writing.batch import Batch
from .actions import action_of
from .events import record_of, records_of
from .filters import query_of
from .mistakes import Mistakes

logger = logging.getLogger(__package__)

FLUSH_SECONDS = 10.0
UNRESOLVED_LIMIT, EVENTS_LIMIT = 50, 100
MISCONFIGURED = (EventsError, DatabaseConfigurationError)
"""What storing raises. Not every exception: one of a signal handler is its program's own."""


def emit(
    category: object,
    severity: object,
    event_type: object,
    message: object,
    device_id: object = None,
    account_id: object = None,
    context: object = None,
) -> int | None:
    """Store one event, and log it at INFO; return its id, None once it is in the spool.

    As `sovi_events.emit`, but never raises for its arguments, nor for a mistake in the
    configuration. An argument that can't be taken is kept in the context under
    `invalid_arguments`, by its name, and logged at WARNING: the event has the category or type
    `unknown` then, the severity `warning`, the message `(no message)`; names are cut to 200
    characters, other objects' words are the message. An event for which no configuration names a
    place is written to stderr as a line of JSON, and logged at ERROR: the answer is None.
    """
    records = _emitted(
        category=category,
        severity=severity,
        event_type=event_type,
        message=message,
        device_id=device_id,
        account_id=account_id,
        context=context,
    )
    return _stored(records)[0]


@twin_of(emit)
async def async_emit(**event: object) -> int | None:
    """`emit`, for a running event loop."""
    return (await _async_stored(_emitted(**event)))[0]


def emit_many(events: object) -> list[int | None]:
    """Store several events, each as `emit` does; return their ids in the order given.

    What is no mapping of `emit`'s parameters becomes an event of its own, with what was given as
    its message; one mapping is one event.
    """
    return _stored(records_of(events))


async def async_emit_many(events: object) -> list[int | None]:
    """`emit_many`, for a running event loop."""
    return await _async_stored(records_of(events))


def get_unresolved(
    severity: object = None, category: object = None, limit: object = UNRESOLVED_LIMIT
) -> list[dict[str, Any]]:
    """Return unresolved events, newest first; takes filters as `get_events` does."""
    return _read(
        "get_unresolved",
        UNRESOLVED_LIMIT,
        severity=severity,
        category=category,
        resolved=False,
        limit=limit,
    )


@twin_of(get_unresolved)
async def async_get_unresolved(**filters: object) -> Rows:
    """`get_unresolved`, for a running event loop."""
    return await _async_read("get_unresolved", UNRESOLVED_LIMIT, resolved=False, **filters)


def get_events(
    category: object = None,
    severity: object = None,
    event_type: object = None,
    device_id: object = None,
    account_id: object = None,
    resolved: object = None,
    limit: object = EVENTS_LIMIT,
    after_id: object = None,
) -> list[dict[str, Any]]:
    """Return events, newest first, or ascending from `after_id`, as `sovi_events.get_events` does.

    Never raises for its arguments: blank text is no filter, an unknown severity is looked for, an
    id that is no UUID finds nothing, nor does an `after_id` that is no number; `limit` is clipped
    to 10,000, and below 1 finds nothing. What can't be taken is logged at WARNING. Raises
    `DatabaseUnavailable`, and `ConfigurationError` or DatabaseConfigurationError.
    """
    return _read(
        "get_events",
        EVENTS_LIMIT,
        category=category,
        severity=severity,
        event_type=event_type,
        device_id=device_id,
        account_id=account_id,
        resolved=resolved,
        limit=limit,
        after_id=after_id,
    )


@twin_of(get_events)
async def async_get_events(**filters: object) -> Rows:
    """`get_events`, for a running event loop."""
    return await _async_read("get_events", EVENTS_LIMIT, **filters)


def resolve(
    event_id: object, resolved_by: object = "auto", actor: object = None, reason: object = None
) -> bool:
    """Resolve an event; return whether there is such an event, as `sovi_events.resolve` does.

    Never raises for its arguments: a `resolved_by` that is no kind of resolver is the name of a
    person, who resolves as `human`; blank, it is `auto`. What is no number is no event. Raises
    `DatabaseUnavailable`, `NotMigrated`, and `ConfigurationError` or DatabaseConfigurationError.
    """
    number, kind, who = action_of("resolve", event_id, "resolved_by", resolved_by, actor, reason)
    return client.resolve(number, kind, **who)


@twin_of(resolve)
async def async_resolve(event_id: object, resolved_by: object, **who: object) -> bool:
    """`resolve`, for a running event loop."""
    number, kind, text = action_of("resolve", event_id, "resolved_by", resolved_by, **who)
    return await client.async_resolve(number, kind, **text)


def reopen(
    event_id: object, reopened_by: object = "auto", actor: object = None, reason: object = None
) -> bool:
    """Make a resolved event unresolved again; takes its arguments as `resolve` does."""
    number, kind, who = action_of("reopen", event_id, "reopened_by", reopened_by, actor, reason)
    return client.reopen(number, kind, **who)


@twin_of(reopen)
async def async_reopen(event_id: object, reopened_by: object, **who: object) -> bool:
    """`reopen`, for a running event loop."""
    number, kind, text = action_of("reopen", event_id, "reopened_by", reopened_by, **who)
    return await client.async_reopen(number, kind, **text)


def flush(timeout: object = FLUSH_SECONDS) -> bool:
    """Wait until nothing is left to send, as `sovi_events.flush` does; never raises.

    What is no number of seconds counts as 10. Without a configuration that can be, the answer is
    False.
    """
    mistakes = Mistakes("flush")
    at_most = mistakes.seconds("timeout", timeout, FLUSH_SECONDS)
    mistakes.log()
    try:
        return client.flush(at_most)
    except MISCONFIGURED as error:
        logger.error("flush: %s", error)
        return False


async def async_flush(timeout: object = FLUSH_SECONDS) -> bool:  # noqa: ASYNC109 - the sync twin's
    """`flush`, for a running event loop."""
    return await asyncio.to_thread(flush, timeout)


def _emitted(**arguments: object) -> list[Record]:
    mistakes = Mistakes("emit")
    record = record_of(mistakes, arguments)
    mistakes.log()
    return [record]


def _log(records: Sequence[Record]) -> None:
    for record in records:
        logger.info("[event] %s/%s: %s", record.category, record.event_type, record.message)


def _stored(records: Sequence[Record]) -> list[int | None]:
    _log(records)
    try:
        return client.store(records)
    except MISCONFIGURED as error:
        return _left_to_stderr(records, error)


async def _async_stored(records: Sequence[Record]) -> list[int | None]:
    _log(records)
    try:
        return await client.async_store(records)
    except MISCONFIGURED as error:
        return _left_to_stderr(records, error)


def _left_to_stderr(records: Sequence[Record], error: Exception) -> list[int | None]:
    """Keep what has neither a database nor a spool where a full spool leaves its events."""
    logger.error("%s events stand on stderr only: %s", len(records), error)
    now = time.time()
    Losses().add(Batch(records, [now] * len(records)), str(error))
    return [None] * len(records)


def _read(call: str, default_limit: int, **filters: object) -> Rows:
    query = query_of(call, filters, default_limit)
    return [] if query is None else client.read(query)


async def _async_read(call: str, default_limit: int, **filters: object) -> Rows:
    query = query_of(call, filters, default_limit)
    return [] if query is None else await client.async_read(query)
