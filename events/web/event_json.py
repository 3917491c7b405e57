"""An event as every face shows it: REST, the stream, exports and tools, the same JSON object."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sovi_events.statements import COLUMNS

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
