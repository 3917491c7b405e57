"""How many events came in each interval of a span, by severity."""

from collections import Counter
from datetime import datetime

from events.models import SystemEvent
from events.statistics.buckets import Buckets
from events.statistics.counting import Question, count
from sovi_events import catalog

from .clock_ranges import ClockRange

OTHER = "other"


def histogram(span: ClockRange, now: datetime) -> list[Counter[str]]:
    """Count the events of each interval, ascending, by severity; `OTHER` is not the catalogue's.

    Raises `TookTooLong`.
    """
    starts = span.starts(now)
    buckets = Buckets(tuple(starts), starts[-1] + span.interval)
    found: list[Counter[str]] = [Counter() for _ in starts]
    for group in count(Question(SystemEvent.objects.all(), "severity", buckets)).all_groups:
        severity = group.value if group.value in catalog.SEVERITIES else OTHER
        for counts, events in zip(found, group.counts, strict=True):
            counts[severity] += events
    return found
