"""What happened on the same device and account shortly before and after an event."""

from datetime import timedelta

from events.filters.event_filter import EventFilter
from events.models import SystemEvent
from events.reading import page

WITHIN = timedelta(minutes=10)
NEIGHBOURS = 15
"""Events read at most before and after it by id, of its device and as many of its account.

Their times are looked at afterwards: or a silent device's whole history would be read for them.
"""


def around(event: SystemEvent) -> list[SystemEvent]:
    """The event among its neighbours by time, the latest first; just itself if it has none."""
    found = {event.pk: event}
    events = SystemEvent.objects.defer("context")
    for about in ({"device_id": event.device_id}, {"account_id": event.account_id}):
        if None not in about.values():
            same = events.matching(EventFilter.where(**about))
            before = page.read(same.filter(pk__lt=event.pk), NEIGHBOURS)
            after = page.read(same.filter(pk__gt=event.pk), NEIGHBOURS, ascending=True)
            found |= {one.pk: one for one in (*before, *after)}
    near = [one for one in found.values() if abs(one.timestamp - event.timestamp) <= WITHIN]
    return sorted(near, key=lambda one: (one.timestamp, one.pk), reverse=True)
