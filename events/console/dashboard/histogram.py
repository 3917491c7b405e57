"""How many events came in each interval of a span, by severity."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection

from events.console import statements
from sovi_events import catalog

from .clock_ranges import ClockRange

BUDGET_SECONDS = 0.5
"""Spent on counting at most; intervals left over are counted by the next call."""

SETTLED_AFTER = timedelta(minutes=10)
KEPT_SECONDS = 600
"""How long the count of a past interval is kept; rows may still come with a time of the past."""

OTHER = "other"


@dataclass(frozen=True)
class Interval:
    start: datetime
    end: datetime
    counts: Counter[str] | None
    """By severity, `OTHER` for those that aren't the catalogue's; None when not counted yet."""


@dataclass(frozen=True)
class Counted:
    at: float
    counts: Counter[str]


def histogram(span: ClockRange, now: datetime) -> list[Interval]:
    """Count the events of each interval, ascending; the budget is spent on the newest first."""
    key = f"events-histogram-{span.key}"
    starts, clock = span.starts(now), time.time()
    kept: dict[datetime, Counted] = cache.get(key, {})
    counted = {
        start: entry
        for start in starts
        if (entry := kept.get(start)) and clock - entry.at < KEPT_SECONDS
    }
    missing = [start for start in starts if start not in counted]
    began, chunk = time.monotonic(), 1
    while missing and time.monotonic() - began < BUDGET_SECONDS:
        # More at a time the quicker it goes.
        missing, taken = missing[:-chunk], missing[-chunk:]
        counted |= {start: Counted(clock, counts) for start, counts in _count(span, taken).items()}
        chunk *= 2
    settled = {
        start: entry
        for start, entry in counted.items()
        if start + span.interval < now - SETTLED_AFTER
    }
    cache.set(key, settled, KEPT_SECONDS)
    return [
        Interval(start, start + span.interval, counted[start].counts if start in counted else None)
        for start in starts
    ]


def _count(span: ClockRange, starts: Sequence[datetime]) -> dict[datetime, Counter[str]]:
    counts: dict[datetime, Counter[str]] = {start: Counter() for start in starts}
    params: Any = {
        "seconds": span.interval.total_seconds(),
        "start": starts[0],
        "end": starts[-1] + span.interval,
    }
    with connection.cursor() as cursor:
        cursor.execute(statements.HISTOGRAM, params)
        for start, severity, count in cursor.fetchall():
            if start in counts:
                known = severity if severity in catalog.SEVERITIES else OTHER
                counts[start][known] += count
    return counts
