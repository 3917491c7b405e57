"""How many events came in each interval of a span, by severity."""

from collections import Counter

from events.models import SystemEvent
from events.statistics.buckets import Buckets
from events.statistics.counting import Question, count
from sovi_events import catalog

OTHER = "other"


def histogram(buckets: Buckets) -> list[Counter[str]]:
    """Count the events of each bucket by severity; `OTHER` is not the catalogue's.

    Raises `TookTooLong`.
    """
    found: list[Counter[str]] = [Counter() for _ in buckets.starts]
    for group in count(Question(SystemEvent.objects.all(), "severity", buckets)).all_groups:
        severity = group.value if group.value in catalog.SEVERITIES else OTHER
        for counts, events in zip(found, group.counts, strict=True):
            counts[severity] += events
    return found
