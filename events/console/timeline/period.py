"""The stretch of time a timeline covers, and where its axis is marked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Range:
    """A length of time to choose."""

    key: str
    label: Any
    length: timedelta


RANGES = {
    entry.key: entry
    for entry in (
        Range("1h", _("1 h"), timedelta(hours=1)),
        Range("24h", _("24 h"), timedelta(hours=24)),
        Range("7d", _("7 d"), timedelta(days=7)),
        Range("30d", _("30 d"), timedelta(days=30)),
    )
}
DEFAULT = "24h"

MARKS = 8
"""On an axis at most."""

STEPS = [
    timedelta(**{unit: count})
    for unit, counts in (
        ("seconds", (1, 5, 15)),
        ("minutes", (1, 2, 10, 30)),
        ("hours", (1, 4, 12)),
        ("days", (1, 5)),
    )
    for count in counts
]


@dataclass(frozen=True)
class Period:
    """From `since`, up to and without `until`; both with a time zone."""

    since: datetime
    until: datetime

    def place(self, instant: datetime) -> float:
        """Where it stands in the period: 0 at the beginning, 1 at the end."""
        return min(max((instant - self.since) / (self.until - self.since), 0.0), 1.0)

    def marks(self) -> Iterator[tuple[datetime, str]]:
        """Round times of the site's clock within the period, each with its label."""
        length = self.until - self.since
        step = next((step for step in STEPS if length / step <= MARKS), STEPS[-1])
        since, until = timezone.localtime(self.since), timezone.localtime(self.until)
        # By the clock on the wall, so that a day of 23 hours is marked at its midnights, too.
        midnight = datetime.combine(since.date(), time.min)
        at = midnight + (since.replace(tzinfo=None) - midnight) // step * step
        previous = since.date()
        while at <= until.replace(tzinfo=None):
            instant = at.replace(tzinfo=since.tzinfo)
            if self.since <= instant < self.until:
                new_day = step >= timedelta(days=1) or at.date() != previous
                previous = at.date()
                seconds = "%H:%M:%S" if step < timedelta(minutes=1) else "%H:%M"
                yield instant, at.strftime("%m-%d" if new_day else seconds)
            at += step
