"""Times and lengths of time as people write them: one rule for every face."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

from django.utils import timezone

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)
# In a query string a bare `+` is a space, so `...T00:00:00+02:00` arrives like this.
_OFFSET_AFTER_SPACE = re.compile(r"(?<=\d) (?=\d{2}:?\d{2}$)")


def parse_duration(text: str) -> timedelta:
    """Read a whole number and a unit, of s, m, h, d and w. Raises ValueError for all else."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a duration, such as 90d, 12h or 2w.")
    number, unit = match.groups()
    try:
        return timedelta(**{_UNITS[unit]: int(number)})
    except OverflowError:
        raise ValueError(f"{text[:40]!r} is longer than a calendar.") from None


def is_ago(text: str) -> bool:
    """Whether a time is given as how long ago it is."""
    return bool(_DURATION.fullmatch(text.strip()))


def read_time(text: str, *, now: datetime | None = None, zone: tzinfo | None = None) -> datetime:
    """Read "2h" or "7d" as that long before `now`, anything else as an ISO 8601 date or time.

    The answer is in UTC; a time without an offset is one of `zone`, the site's by default. Raises
    ValueError.
    """
    text = text.strip()
    try:
        if is_ago(text):
            return (now or timezone.now()).astimezone(UTC) - parse_duration(text)
        try:
            instant = datetime.fromisoformat(text)
        except ValueError:
            instant = datetime.fromisoformat(_OFFSET_AFTER_SPACE.sub("+", text))
        if instant.tzinfo is None:
            instant = _in_zone(instant, zone)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        shown = text if text.isprintable() else ascii(text)[1:-1]
        raise ValueError(
            f"“{shown}” is not a time such as 2h, 7d, 2026-01-31 or 2026-01-31T18:30:00Z."
        ) from None


def written(instant: datetime) -> str:
    """Return a time as `read_time` reads it, to the microsecond and wherever it is read."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def with_offset(text: str) -> str:
    """Return a time with its offset; how long ago, and what is no time, as it was written."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return text
    return text if instant.tzinfo else _in_zone(instant).isoformat()


def _in_zone(instant: datetime, zone: tzinfo | None = None) -> datetime:
    return instant.replace(tzinfo=zone or timezone.get_default_timezone())
