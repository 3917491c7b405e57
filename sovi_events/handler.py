"""Log records as events."""

import json
import logging
import re
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from . import client, log_record
from .errors import InvalidEvent
from .record import checked_name, subject
from .redaction import redact, redact_text
from .storable import storable_context

# The library's own words, and its driver's.
_OWN = re.compile(r"(psycopg|sovi_events)(\.|$)")
_emitting = threading.local()

Value = TypeVar("Value")


class EventHandler(logging.Handler):
    """Emit an event for each log record, with the record's message and its level as severity.

    `category` and `event_type` are for records whose `extra` has none under these names;
    `device_id` and `account_id` come from there too. A value that `emit` would refuse is kept in
    the context, like the rest of `extra`, beside `logger`, `level`, `source` (file and line), and,
    where there are such, `exception` (`type`, `message`, `traceback`) and `stack`. A formatter is
    not used: the parts are kept as they are, but for secrets (see `sovi_events.redaction`). Of
    structlog's `wrap_for_formatter` the event dictionary is the extra, of loguru what it bound.

    Blocks as `emit` does, a running event loop too: give a `logging.handlers.QueueHandler` to its
    loggers then, and this to the `QueueListener`; the traceback becomes part of the message there.
    What goes wrong is left to `handleError`, never raised. What the library and psycopg log makes
    no event, nor does what is logged by the same thread while it emits one.
    """

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        category: str = "log",
        event_type: str = "log_record",
    ) -> None:
        """Raises `InvalidEvent` for a category or event type that is no name."""
        super().__init__(level)
        self.category = checked_name("category", category)
        self.event_type = checked_name("event_type", event_type)

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit the record if the filters let it pass; return whether they do.

        Without the lock that other handlers take here: threads that emit at once commit together,
        and one that waits for the library must not keep another's logging waiting.
        """
        # From Python 3.12 on a filter may answer with another record.
        passed: Any = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        if _OWN.match(record.name) or getattr(_emitting, "active", False):
            return
        _emitting.active = True
        try:
            self._emit(record)
        except Exception:
            self.handleError(record)
        finally:
            _emitting.active = False

    def write(self, message: Any) -> None:
        """Emit what loguru hands to a sink, its record; how its line is formatted is no matter."""
        record = log_record.of_loguru(message)
        if record.levelno >= self.level:
            self.handle(record)

    def _emit(self, record: logging.LogRecord) -> None:
        message, exception, extra = log_record.read(record)
        client.emit(
            _taken(extra, "category", checked_name, self.category),
            _severity(record.levelno),
            _taken(extra, "event_type", checked_name, self.event_type),
            redact_text(message),
            device_id=_taken(extra, "device_id", subject, None),
            account_id=_taken(extra, "account_id", subject, None),
            context=_redacted(_context(record, exception, extra)),
        )


def _context(
    record: logging.LogRecord, exception: dict[str, str], extra: dict[str, Any]
) -> dict[str, Any]:
    own: dict[str, Any] = {
        "logger": record.name,
        "level": record.levelname,
        "source": f"{record.pathname}:{record.lineno}",
    }
    if exception:
        own["exception"] = exception
    if record.stack_info:
        own["stack"] = log_record.shortened(record.stack_info)
    if shadowed := {key: extra.pop(key) for key in own if key in extra}:
        own["extra"] = shadowed
    return {**own, **extra}


def _redacted(context: dict[str, Any]) -> Any:
    # Made JSON before: what an object says of itself as text may hold a secret, too.
    return redact(json.loads(storable_context(context)))


def _severity(level: int) -> str:
    """Levels between the standard ones count as the one below."""
    if level >= logging.CRITICAL:
        return "critical"
    if level >= logging.ERROR:
        return "error"
    return "warning" if level >= logging.WARNING else "info"


def _taken(
    extra: dict[str, Any], name: str, check: Callable[[str, object], Value], default: Value
) -> Value:
    """Take an argument of `emit` out of `extra`; what it would refuse is left there."""
    try:
        value = check(name, extra[name])
    except (KeyError, InvalidEvent):
        return default
    del extra[name]
    return value
