"""Log records as events."""

import logging
import re
import threading
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from . import client
from .errors import InvalidEvent
from .record import checked_name, subject

TRACEBACK_CHARACTERS = 12_000
MESSAGE_CHARACTERS = 4_000
"""Small enough that a context has room for all of it, and for the extra."""

# The library's own words, and its driver's.
_OWN = re.compile(r"(psycopg|sovi_events)(\.|$)")
_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
_emitting = threading.local()

Value = TypeVar("Value")


class EventHandler(logging.Handler):
    """Emit an event for each log record, with the record's message and its level as severity.

    `category` and `event_type` are for records whose `extra` has none under these names;
    `device_id` and `account_id` come from there too. A value that `emit` would refuse is kept in
    the context, like the rest of `extra`, beside `logger`, `level`, `source` (file and line), and,
    where there are such, `exception` (`type`, `message`, `traceback`) and `stack`. A formatter is
    not used: the parts are kept as they are.

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

    def _emit(self, record: logging.LogRecord) -> None:
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        exception = _exception(record)
        message = record.getMessage()
        if not message.strip():
            message = exception.get("message", "").strip() or "(no message)"
        client.emit(
            _taken(extra, "category", checked_name, self.category),
            _severity(record.levelno),
            _taken(extra, "event_type", checked_name, self.event_type),
            message,
            device_id=_taken(extra, "device_id", subject, None),
            account_id=_taken(extra, "account_id", subject, None),
            context=_context(record, exception, extra),
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
        own["stack"] = _shortened(record.stack_info)
    if shadowed := {key: extra.pop(key) for key in own if key in extra}:
        own["extra"] = shadowed
    return {**own, **extra}


def _exception(record: logging.LogRecord) -> dict[str, str]:
    kind, error, trace = record.exc_info or (None, None, None)
    if kind is None:
        # A record that came through a socket has its traceback as text.
        return {"traceback": _shortened(record.exc_text)} if record.exc_text else {}
    try:
        message = str(error)
    except Exception as failure:
        message = f"<{type(failure).__name__} in str()>"
    return {
        "type": kind.__qualname__,
        "message": _shortened(message, MESSAGE_CHARACTERS),
        "traceback": _shortened("".join(traceback.format_exception(kind, error, trace)).rstrip()),
    }


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


def _shortened(text: str, characters: int = TRACEBACK_CHARACTERS) -> str:
    """Leave out the middle of a longer text: how it begins and what it comes to are kept."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}\n… [{len(text) - 2 * half} characters left out]\n{text[-half:]}"
