"""Reading what PostgreSQL stores and Python has no value for: other programs may write it.

One such row must not hide the others on its page.
"""

import json
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.datetime import TimestamptzLoader

# A day inside Python's limits, so that they can be shown in any time zone.
LATEST = datetime(9999, 12, 31, tzinfo=UTC)
EARLIEST = datetime(1, 1, 2, tzinfo=UTC)


class NearestTimestamptz(TimestamptzLoader):
    """Reads a time at either end of the calendar, or beyond, as the nearest that every zone has."""

    def load(self, data: Buffer) -> datetime:
        try:
            return min(max(super().load(data), EARLIEST), LATEST)
        except psycopg.DataError:
            text = bytes(data)
            is_early = text.startswith((b"-", b"0001-")) or text.endswith(b"BC")
            return EARLIEST if is_early else LATEST


class TolerantJson(Loader):
    """Reads jsonb; what is nested too deep or holds too long a number becomes text."""

    def load(self, data: Buffer) -> Any:
        return read_json(bytes(data).decode())


def read_json(text: str) -> Any:
    """Return the value, or {"unreadable": text} where Python can't hold it."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"unreadable": text}


TOLERANT = AdaptersMap(psycopg.adapters)
"""The `context` of a connection that can read every row of the table."""
TOLERANT.register_loader("timestamptz", NearestTimestamptz)
TOLERANT.register_loader("jsonb", TolerantJson)
