"""Failures beside what says that they are over, as the catalogue pairs them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from events.models import SystemEvent
from sovi_events import catalog

RECOVERED_BY: dict[str, frozenset[str]] = {
    entry.name: frozenset(entry.recovered_by) for entry in catalog.EVENT_TYPES if entry.recovered_by
}


@dataclass(frozen=True)
class Outage:
    """Failures of one category and type in a row, and what ended them; None while nothing has."""

    first: SystemEvent
    last: SystemEvent
    failures: int
    recovery: SystemEvent | None


def outages(events: Iterable[SystemEvent]) -> list[Outage]:
    """Pair the failures among these events with the next recovery of the same device or account.

    `events` ascend in time; the outages do so by their first failure. Failures of the same kind
    that the same recovery ends are one outage.
    """
    recoveries: dict[str, list[SystemEvent]] = defaultdict(list)
    ended: dict[tuple[object, ...], Outage] = {}
    for event in reversed(list(events)):
        if event.event_type in RECOVERED_BY:
            recovery = _next(event, recoveries)
            key = (
                event.category,
                event.event_type,
                event.device_id,
                event.account_id,
                recovery and recovery.pk,
            )
            later = ended.get(key)
            ended[key] = Outage(
                event,
                later.last if later else event,
                later.failures + 1 if later else 1,
                recovery,
            )
        recoveries[event.event_type].append(event)
    return sorted(ended.values(), key=lambda outage: (outage.first.timestamp, outage.first.pk))


def _next(failure: SystemEvent, recoveries: dict[str, list[SystemEvent]]) -> SystemEvent | None:
    """The first event after a failure that ends it; each list holds the latest first."""
    found = [
        recovery
        for name in RECOVERED_BY[failure.event_type]
        if (
            recovery := next(
                filter(lambda other: _same(failure, other), reversed(recoveries[name])), None
            )
        )
    ]
    return min(found, key=lambda event: (event.timestamp, event.pk), default=None)


def _same(failure: SystemEvent, recovery: SystemEvent) -> bool:
    """Whether they are about the same device or account, and nothing speaks against it."""
    pairs = (
        (failure.device_id, recovery.device_id),
        (failure.account_id, recovery.account_id),
    )
    known = [one == other for one, other in pairs if one and other]
    return bool(known) and all(known)
