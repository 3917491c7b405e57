"""What a log record says, whichever library wrote it: logging, structlog or loguru."""

import logging
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NamedTuple

TRACEBACK_CHARACTERS = 12_000
MESSAGE_CHARACTERS = 4_000
"""Small enough that a context has room for all of it, and for the extra."""

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}
# What structlog hands to its own formatter, and what a record says of itself.
_STRUCTLOG = {"_logger", "_name", "_record", "_from_structlog", "level", "logger"}

_BOUND = "_bound"  # by loguru, under names that a record's own attributes may have


class Content(NamedTuple):
    """`exception` is empty without one; `extra` is what else was given to the call."""

    message: str
    exception: dict[str, str]
    extra: dict[str, Any]


def read(record: logging.LogRecord) -> Content:
    """Return what the record says."""
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    extra |= extra.pop(_BOUND, {})
    if isinstance(record.msg, Mapping) and "event" in record.msg:
        return _of_structlog(record, {**extra, **record.msg})
    return _content(record.getMessage(), record.exc_info, record.exc_text, extra)


def of_loguru(message: Any) -> logging.LogRecord:
    """Return the record of what loguru hands to a sink; what was bound is the extra."""
    given = message.record
    exception = given["exception"] and tuple(given["exception"])
    record = logging.LogRecord(
        given["name"] or "root",
        given["level"].no,
        given["file"].path,
        given["line"],
        given["message"],
        (),
        exception,
        given["function"],
    )
    record.levelname = given["level"].name
    vars(record)[_BOUND] = given["extra"]
    return record


def shortened(text: str, characters: int = TRACEBACK_CHARACTERS) -> str:
    """Leave out the middle of a longer text: how it begins and what it comes to are kept."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half]}\n… [{len(text) - 2 * half} characters left out]\n{text[-half:]}"


def _of_structlog(record: logging.LogRecord, fields: dict[str, Any]) -> Content:
    """Read the record whose message is an event dictionary, for structlog's own formatter."""
    extra = {key: value for key, value in fields.items() if key not in _STRUCTLOG}
    info, text = record.exc_info or extra.pop("exc_info", None), record.exc_text
    if isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    elif info and not isinstance(info, tuple):
        info = sys.exc_info()
    if isinstance(extra.get("exception"), str):  # already rendered
        text = extra.pop("exception")
    return _content(str(extra.pop("event")), info, text, extra)


def _content(message: str, info: Any, text: str | None, extra: dict[str, Any]) -> Content:
    exception = _exception(info, text)
    if not message.strip():
        message = exception.get("message", "").strip() or "(no message)"
    return Content(message, exception, extra)


def _exception(info: Any, text: str | None) -> dict[str, str]:
    kind, error, trace = info or (None, None, None)
    if kind is None:
        # A record that came through a socket has its traceback as text.
        return {"traceback": shortened(text)} if text else {}
    try:
        message = str(error)
    except Exception as failure:
        message = f"<{type(failure).__name__} in str()>"
    return {
        "type": kind.__qualname__,
        "message": shortened(message, MESSAGE_CHARACTERS),
        "traceback": shortened("".join(traceback.format_exception(kind, error, trace)).rstrip()),
    }
