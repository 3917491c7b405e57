"""Events as lines of a file."""

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from sovi_events.readable import BLANK
from sovi_events.statements import COLUMNS

Event = dict[str, Any]
"""As `events.web.event_json.represent` returns it."""

# What a spreadsheet passes over before a formula, or a person doesn't see there.
_SKIPPED = rf"\s\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff{BLANK}"
_BEGINS, _SIGNS = r"=@\uff1d\uff20\ufe66\ufe6b", r"+\-\uff0b\uff0d\ufe62\ufe63"
# A formula, as OWASP lists them and in full width, where a cell begins. Where semicolons separate
# cells quotes are not seen in the middle, and one may begin behind a semicolon or a line's end:
# a sign begins a list's line there more often, but where it calls or refers to something.
# Each run of what is passed over is looked at once, from its first character on.
_FORMULA = re.compile(
    rf"\A(?P<cell>[{_SKIPPED}]*+[{_BEGINS}{_SIGNS}])|\A(?=[\t\r\n])"
    rf"|(?<![{_SKIPPED};])(?P<before>(?>[{_SKIPPED};]*[;\t\r\n]))"
    rf"(?=[{_SKIPPED}]*+(?:[{_BEGINS}]|[{_SIGNS}][^;\t\r\n]*[(!\uff08\uff01]))"
)
_INT64 = range(-(2**63), 2**63)


class Format(ABC):
    """A format whose files can be written piece by piece, and appended to one another."""

    content_type: ClassVar[str]
    head: ClassVar[bytes] = b""

    @abstractmethod
    def lines(self, events: Iterable[Event]) -> bytes:
        """Return the lines of these events, UTF-8."""

    def __init__(self, *, large_integers_as_text: bool = False) -> None:
        """Many readers know no integers beyond 64 bits: these may be written as text."""
        self._is_exact = not large_integers_as_text

    def _json(self, value: Any) -> str:
        written = value if self._is_exact else _narrowed(value)
        return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


class CSV(Format):
    """RFC 4180 with a header, the context as JSON; a NULL is empty.

    A text that a spreadsheet would run gets an apostrophe before it, as one types it there. With a
    byte order mark Excel reads it as the UTF-8 that it is.
    """

    content_type = "text/csv; charset=utf-8; header=present"
    head = (",".join(COLUMNS) + "\r\n").encode()

    def lines(self, events: Iterable[Event]) -> bytes:
        file = io.StringIO()
        writer = csv.writer(file)
        for event in events:
            row = event | {"context": self._json(event["context"])}
            writer.writerow(_cell(row[column]) for column in COLUMNS)
        return _encoded(file.getvalue())


class NDJSON(Format):
    """A line for each event: the same JSON object as everywhere."""

    content_type = "application/x-ndjson"

    def lines(self, events: Iterable[Event]) -> bytes:
        return _encoded("".join(f"{self._json(event)}\n" for event in events))


FORMATS: dict[str, type[Format]] = {"csv": CSV, "ndjson": NDJSON}


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, int):
        return value
    return _FORMULA.sub(r"\g<before>'\g<cell>", value)


def _narrowed(value: Any) -> Any:
    match value:
        case dict():
            return {key: _narrowed(item) for key, item in value.items()}
        case list():
            return [_narrowed(item) for item in value]
        case int() if value not in _INT64:
            return str(value)
    return value


def _encoded(text: str) -> bytes:
    # jsonb holds no unpaired surrogate, but "\\ud800" inside what was unreadable to Python may.
    return text.encode(errors="backslashreplace")
