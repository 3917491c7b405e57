"""The spans of time a histogram may cover."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ClockRange:
    """So many intervals of one length, aligned to the epoch; the last one holds the present."""

    key: str
    label: Any
    interval: timedelta
    intervals: int

    def starts(self, now: datetime) -> list[datetime]:
        """When each interval begins, ascending."""
        last = now - (now - EPOCH) % self.interval
        return [last - self.interval * number for number in range(self.intervals - 1, -1, -1)]


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
