"""An event as every face shows it: REST, the stream, exports and tools, the same JSON object."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.string import TextLoader

from events.models.event import SystemEventQuerySet
from events.reading.page_bytes import FOUND, bounded
from sovi_events.following.position import MAX_ID, MIN_ID
from sovi_events.loaders import NearestTimestamptz, read_json
from sovi_events.statements import COLUMNS

PAGE_BYTES = 4 * 1024 * 1024
"""What a page of events may come to, and one event more."""
MAX_DEPTH = 100
"""Our library stores 20 levels; deeper ones of other programs would end a parser."""


def represent(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `system_events`, given by column name, as a JSON-ready dict.

    Times are ISO 8601 in UTC with microseconds and a `Z`; a NULL `resolved` is False, a NULL
    `context` is {}.
    """
    event = {column: row[column] for column in COLUMNS}
    event["timestamp"] = instant(row["timestamp"])
    event["resolved_at"] = instant(row["resolved_at"])
    event["device_id"] = _text(row["device_id"])
    event["account_id"] = _text(row["account_id"])
    event["context"] = {} if row["context"] is None else _finite(row["context"])
    event["resolved"] = bool(row["resolved"])
    return event


class EventPage(NamedTuple):
    """`found` is how many events there were to read; of very large ones fewer were."""

    events: list[dict[str, Any]]
    found: int


def read(events: SystemEventQuerySet, *, ascending: bool = False) -> EventPage:
    """Read events as `represent` returns them, by their ids, until they come to `PAGE_BYTES`.

    What is text in JSON is never anything else.
    """
    try:
        statement, params = events.query.sql_with_params()
    except EmptyResultSet:
        return EventPage([], 0)
    rows = _read(bounded(statement, PAGE_BYTES, ascending=ascending), params, using=events.db)
    found = [event.pop(FOUND) for event in rows]
    return EventPage(rows, found[0] if found else 0)


def read_one(event_id: int) -> dict[str, Any] | None:
    """Read an event likewise, without making its SQL anew."""
    # Beyond the column's type it would be compared as another, by no index.
    found = _read(_ONE, [event_id]) if MIN_ID <= event_id <= MAX_ID else []
    return found[0] if found else None


_ONE = f"SELECT {', '.join(COLUMNS)} FROM system_events WHERE id = %s"  # noqa: S608


def _read(
    statement: str, params: Sequence[Any], *, using: str = DEFAULT_DB_ALIAS
) -> list[dict[str, Any]]:
    with connections[using].cursor() as cursor:
        for type_name, loader in _LOADERS.items():
            cursor.adapters.register_loader(type_name, loader)
        cursor.execute(statement, params)
        names = [column.name for column in cursor.description]
        read = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for event in read:
        event["resolved"] = bool(event["resolved"])
        if event["context"] is None:
            event["context"] = {}
    return read


def instant(value: datetime | None) -> str | None:
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _finite(value: Any, depth: int = 0) -> Any:
    """Numbers beyond a float, which jsonb holds, are read as infinities, which JSON can't say."""
    if depth > MAX_DEPTH:
        return "… (nested too deep to show)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, depth + 1) for item in value]
    return value


class _Instant(NearestTimestamptz):
    """Rewrites a time of four-digit years in UTC, `2026-01-31 12:00:00.5+00`; reads any other."""

    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode()
        date, blank, time = text[:10], text[10:11], text[11:]
        # At either end of the calendar the loader clamps, as it does for every face.
        if not "0001-01-02" <= date < "9999-12-31" or blank != " " or not time.endswith("+00"):
            return instant(super().load(data))
        clock, _, fraction = time[:-3].partition(".")
        return f"{date}T{clock}.{fraction:0<6}Z"


class _Context(Loader):
    """Reads jsonb by orjson, which knows no integers beyond 64 bits and has levels of its own."""

    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode()
        if text.count("[") + text.count("{") > MAX_DEPTH or _LONG_NUMBER.search(text):
            return _finite(read_json(text))
        return orjson.loads(text)


_LONG_NUMBER = re.compile(r"\d{19}")
_LOADERS = {"timestamptz": _Instant, "uuid": TextLoader, "jsonb": _Context}
