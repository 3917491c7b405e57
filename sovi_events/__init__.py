"""The producers' library of SOVI Events: emit, query and resolve rows of `system_events`."""

from .client import (
    async_emit,
    async_emit_many,
    async_flush,
    async_get_events,
    async_get_unresolved,
    async_reopen,
    async_resolve,
    emit,
    emit_many,
    flush,
    get_events,
    get_unresolved,
    reopen,
    resolve,
)
from .configuration import configure
from .errors import ConfigurationError, DatabaseUnavailable, EventsError, InvalidEvent, NotMigrated
from .handler import EventHandler

__all__ = [
    "ConfigurationError",
    "DatabaseUnavailable",
    "EventHandler",
    "EventsError",
    "InvalidEvent",
    "NotMigrated",
    "async_emit",
    "async_emit_many",
    "async_flush",
    "async_get_events",
    "async_get_unresolved",
    "async_reopen",
    "async_resolve",
    "configure",
    "emit",
    "emit_many",
    "flush",
    "get_events",
    "get_unresolved",
    "reopen",
    "resolve",
]
