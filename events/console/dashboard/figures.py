"""What the dashboard counts. Nothing here reads more rows than its bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from events.console import statements
from events.filters.event_filter import EventFilter
from events.models import Account, Device, SystemEvent
from events.reading import page
from events.reading.bounded_count import COUNT_BOUND, BoundedCount
from events.reading.raw_sql import read_rows
from sovi_events import catalog

FAILURES = ("critical", "error")
ACTIONS_BOUND = 2000
TOP_ROWS = 6
LATEST_ROWS = 12
FIRST_ROWS = 1000
HOUR, DAY = 3600, 86400


@dataclass(frozen=True)
class Unresolved:
    """The unresolved events of one severity, and how many more they are than some time ago.

    An event counts from its arrival in the table, which for one that waited in a spool is later
    than its time. A change is None when more happened since than is read.
    """

    severity: str
    count: BoundedCount
    since_hour: int | None
    since_day: int | None


@dataclass(frozen=True)
class Top:
    """A value that unresolved failures share: its filter in the list of events, and how many."""

    parameter: str
    value: str
    label: str
    count: int


def unresolved() -> list[Unresolved]:
    """Count the unresolved events of each severity, the gravest first."""
    severities = list(catalog.SEVERITIES[::-1])
    params: Any = {"severities": severities, "bound": COUNT_BOUND, "actions": ACTIONS_BOUND}
    params["hour"], params["day"] = _first_since(HOUR, DAY)
    counted = {name: figures for name, *figures in read_rows(statements.UNRESOLVED, params)}
    gone: dict[tuple[int, str], int] = {
        (seconds, name): count
        for seconds, name, count in read_rows(statements.RESOLVED_SINCE, params)
    }

    def change(severity: str, seconds: int, first_id: int, came: int) -> int | None:
        rows, oldest_id, *_ = counted[severity]
        are_all_read = rows <= COUNT_BOUND or oldest_id < first_id
        if not are_all_read or (seconds, severity) not in gone:
            return None
        return came - gone[seconds, severity]

    return [
        Unresolved(
            severity,
            BoundedCount(min(rows, COUNT_BOUND), exact=rows <= COUNT_BOUND),
            change(severity, HOUR, params["hour"], in_hour),
            change(severity, DAY, params["day"], in_day),
        )
        for severity in severities
        for rows, _, in_hour, in_day in [counted[severity]]
    ]


def tops() -> tuple[list[Top], list[Top], list[Top]]:
    """Count the event types, devices and accounts of the newest unresolved failures, most first."""
    params: Any = {"severities": list(FAILURES), "bound": COUNT_BOUND, "rows": TOP_ROWS}
    rows = read_rows(statements.TOPS, params)
    event_types, devices, accounts = (
        [(row[column], row[-1]) for row in rows if row[column] is not None] for column in range(3)
    )
    return (
        [Top("event_type", value, value, count) for value, count in event_types],
        _named("device", devices, Device),
        _named("account", accounts, Account),
    )


def latest_failures() -> list[SystemEvent]:
    """The newest critical and error events, resolved or not."""
    failures = SystemEvent.objects.matching(EventFilter.where(severity=FAILURES))
    return list(page.read(failures.defer("context"), LATEST_ROWS))


def _first_since(*periods: int) -> list[int]:
    """Return the ids that arrivals of the last so many seconds begin at."""
    params = {"periods": list(periods), "rows": FIRST_ROWS}
    return [first_id for (first_id,) in read_rows(statements.FIRST_SINCE, params)]


def _named(
    parameter: str, counted: Sequence[tuple[UUID, int]], model: type[Device] | type[Account]
) -> list[Top]:
    names = model._default_manager.in_bulk([value for value, _ in counted])
    return [
        Top(parameter, str(value), str(names.get(value, value)), count) for value, count in counted
    ]
