"""Unresolved events by kind: what has happened again and again and still waits for somebody."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from events.console import statements
from events.filters.event_filter import EventFilter
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading.bounded_count import COUNT_BOUND, BoundedCount
from sovi_events import catalog

ROWS_BOUND = 100
"""Kinds shown at most; the filters reach the others."""

GRAVEST_FIRST = catalog.SEVERITIES[::-1]
INTERVAL = timedelta(hours=1)
INTERVALS = 24


@dataclass(frozen=True)
class Kind:
    """What is the same about events that repeat."""

    event_type: str
    device_id: UUID | None
    account_id: UUID | None

    @classmethod
    def of(cls, event: SystemEvent) -> "Kind":
        return cls(event.event_type, event.device_id, event.account_id)

    def unresolved(self, asked: EventFilter, newest_id: int) -> SystemEventQuerySet:
        """The unresolved events of this kind, among those asked for, up to an id."""
        kind = EventFilter.where(
            resolved=False,
            event_type=self.event_type,
            device_id=self.device_id,
            account_id=self.account_id,
        )
        return SystemEvent.objects.matching(asked & kind).filter(pk__lte=newest_id)


@dataclass(frozen=True)
class Problem:
    """The unresolved events of one kind among the newest of their severities.

    `severity` is the gravest of them. `per_interval` counts them by hour, ascending, the last one
    up to now. `latest` is the newest by id; None where it is gone since it was counted.
    """

    kind: Kind
    severity: str
    count: BoundedCount
    first_seen: datetime
    last_seen: datetime
    per_interval: list[int]
    latest_id: int
    latest: SystemEvent | None


@dataclass(frozen=True)
class Problems:
    """The gravest problems first, then the last seen; `kinds` is how many there are in all.

    `cut` names the severities of which there are more unresolved events than were read.
    """

    rows: list[Problem]
    kinds: int
    cut: list[str]


def read_problems(
    asked: EventFilter, newest_id: int, now: datetime, named: Collection[str] = ()
) -> Problems:
    """Group the newest unresolved events up to an id by kind; reads a bound of each severity.

    `asked` is for severities, and maybe for categories; `named` are subjects to load names of.
    """
    wanted = asked.equal
    severities = [name for name in GRAVEST_FIRST if name in wanted["severity"]]
    params: Any = {
        "severities": severities,
        "categories": list(wanted.get("category", ())),
        "newest_id": newest_id,
        "now": now,
        "interval_seconds": INTERVAL.total_seconds(),
        "span_seconds": (INTERVAL * INTERVALS).total_seconds(),
        "bound": COUNT_BOUND,
        "rows": ROWS_BOUND,
    }
    with connection.cursor() as cursor:
        cursor.execute(statements.PROBLEMS, params)
        columns = [column.name for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    cut: list[str] = rows[0]["cut"]
    found = [row for row in rows if row["events"]]
    events = SystemEvent.objects.naming(named).defer("context")
    latest = events.in_bulk([row["latest_id"] for row in found])
    return Problems(
        [
            _problem(row, severities[row["gravity"] - 1], latest.get(row["latest_id"]))
            for row in found
        ],
        found[0]["kinds"] if found else 0,
        cut,
    )


def _problem(row: dict[str, Any], severity: str, latest: SystemEvent | None) -> Problem:
    # Older events of the kind may be among those of its severity that weren't read.
    exact = row["events"] <= COUNT_BOUND and not row["is_cut"]
    ago = Counter(row["intervals_ago"] or ())
    return Problem(
        Kind(row["event_type"], row["device_id"], row["account_id"]),
        severity,
        BoundedCount(min(row["events"], COUNT_BOUND), exact),
        row["first_seen"],
        row["last_seen"],
        [ago[number] for number in range(INTERVALS - 1, -1, -1)],
        row["latest_id"],
        latest,
    )
