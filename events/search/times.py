"""Times as they are typed: how long ago, or when."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)


def read_time(text: str, *, now: datetime, zone: tzinfo) -> datetime:
    """Read "2h" or "7d" as that long before `now`, anything else as an ISO 8601 date or time.

    The answer is in UTC; a time without an offset is one of `zone`. Raises ValueError.
    """
    try:
        if match := _AGO.fullmatch(text):
            amount, unit = match.groups()
            return now.astimezone(UTC) - timedelta(**{_UNITS[unit]: int(amount)})
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"“{text}” is not a time such as 2h, 7d, 2026-01-31 or 2026-01-31T18:30:00Z."
        ) from None


def written(instant: datetime) -> str:
    """Return a time as `read_time` reads it, to the microsecond and wherever it is read."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
