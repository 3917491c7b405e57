"""The spans of time a histogram may cover."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from events.statistics.buckets import Buckets, cover


@dataclass(frozen=True)
class ClockRange:
    """So many intervals of one length, counted from midnight UTC; the last holds the present."""

    key: str
    label: Any
    interval: timedelta
    intervals: int

    def buckets(self, now: datetime) -> Buckets:
        since = now - self.interval * (self.intervals - 1)
        return cover(since, now + timedelta.resolution, self.interval, ZoneInfo("UTC"))


SPANS = {
    span.key: span
    for span in (
        ClockRange("15m", _("15 min"), timedelta(seconds=15), 60),
        ClockRange("24h", _("24 h"), timedelta(minutes=30), 48),
        ClockRange("7d", _("7 d"), timedelta(hours=3), 56),
        ClockRange("30d", _("30 d"), timedelta(hours=12), 60),
    )
}
DEFAULT = "24h"
