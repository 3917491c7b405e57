"""What the dashboard counts. Nothing here reads more rows than its bound."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from events.console import statements
from events.filters.event_filter import EventFilter
from events.models import Account, Device, SystemEvent
from events.reading import page
from events.reading.bounded_count import COUNT_BOUND, BoundedCount
from events.reading.raw_sql import read_rows
from sovi_events import catalog
from sovi_events.readable import readable

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


def tops(named: Collection[str]) -> tuple[list[Top], list[Top], list[Top]]:
    """Count the event types, devices and accounts of the newest unresolved failures, most first.

    Devices and accounts go by name where `named` holds them, else by id.
    """
    params: Any = {"severities": list(FAILURES), "bound": COUNT_BOUND, "rows": TOP_ROWS}
    tops: tuple[list[Top], list[Top], list[Top]] = ([], [], [])
    for event_type, device_id, account_id, name, known, platform, username, count in read_rows(
        statements.TOPS, params
    ):
        if event_type is not None:
            tops[0].append(Top("event_type", event_type, readable(event_type) or "–", count))
        elif device_id is not None:
            device = Device(device_id, name) if "device" in named else device_id
            tops[1].append(Top("device", str(device_id), str(device), count))
        else:
            account = (
                Account(account_id, platform, username)
                if known and "account" in named
                else account_id
            )
            tops[2].append(Top("account", str(account_id), str(account), count))
    return tops


def latest_failures() -> list[SystemEvent]:
    """The newest critical and error events, resolved or not."""
    failures = SystemEvent.objects.matching(EventFilter.where(severity=FAILURES))
    return list(page.read(failures.defer("context"), LATEST_ROWS))


def _first_since(*periods: int) -> list[int]:
    """Return the ids that arrivals of the last so many seconds begin at."""
    params = {"periods": list(periods), "rows": FIRST_ROWS}
    return [first_id for (first_id,) in read_rows(statements.FIRST_SINCE, params)]
