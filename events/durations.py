"""Lengths of time as people write them: "90d", "12h", "2w"."""

import re
from datetime import timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,9})([smhdw])", re.ASCII)


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
