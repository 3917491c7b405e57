"""The library's calls for programs that call them with any arguments: none of them raises for one.

`from sovi_events import lenient as events` offers the names of `sovi_events`. See
`docs/adopting.md` for how a program comes to it from events of its own.
"""

from ..configuration import configure
from ..errors import ConfigurationError, DatabaseUnavailable, EventsError, InvalidEvent, NotMigrated
from ..handler import EventHandler
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
