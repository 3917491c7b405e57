"""Events as lines of a file."""

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from sovi_events.statements import COLUMNS

Event = dict[str, Any]
"""As `events.web.event_json.represent` returns it."""

# What a spreadsheet takes for the beginning of a formula, OWASP's list.
_RUNS = ("=", "+", "-", "@", "\t", "\r")


class Format(ABC):
    """A format whose files can be written piece by piece, and appended to one another."""

    content_type: ClassVar[str]
    head: ClassVar[bytes] = b""

    @abstractmethod
    def lines(self, events: Iterable[Event]) -> bytes:
        """Return the lines of these events, UTF-8."""


class CSV(Format):
    """RFC 4180 with a header, the context as JSON; a NULL is empty.

    A text that a spreadsheet would run gets an apostrophe before it, as one types it there.
    """

    content_type = "text/csv; charset=utf-8; header=present"
    head = (",".join(COLUMNS) + "\r\n").encode()

    def lines(self, events: Iterable[Event]) -> bytes:
        file = io.StringIO()
        writer = csv.writer(file)
        for event in events:
            row = event | {"context": _json(event["context"])}
            writer.writerow(_cell(row[column]) for column in COLUMNS)
        return _encoded(file.getvalue())


class NDJSON(Format):
    """A line for each event: the same JSON object as everywhere."""

    content_type = "application/x-ndjson"

    def lines(self, events: Iterable[Event]) -> bytes:
        return _encoded("".join(f"{_json(event)}\n" for event in events))


FORMATS: dict[str, Format] = {"csv": CSV(), "ndjson": NDJSON()}


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int):
        return value
    return f"'{value}" if value.startswith(_RUNS) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _encoded(text: str) -> bytes:
    # jsonb holds no unpaired surrogate, but "\\ud800" inside what was unreadable to Python may.
    return text.encode(errors="backslashreplace")
