"""What the dashboard counts. Nothing here reads more rows than its bound."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from events.bounded import COUNT_BOUND, BoundedCount
from events.models import Account, Device, SystemEvent
from sovi.events import catalog

from . import statements

FAILURES = ("critical", "error")
ACTIONS_BOUND = 2000
TOP_ROWS = 6
LATEST_ROWS = 12
HOUR, DAY = 3600, 86400


@dataclass(frozen=True)
class Unresolved:
    """The unresolved events of one severity, and how many more they are than some time ago.

    A change is None when more happened since than is read.
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
    with connection.cursor() as cursor:
        cursor.execute(statements.UNRESOLVED, params)
        counted: dict[str, list[int]] = {name: figures for name, *figures in cursor.fetchall()}
        cursor.execute(statements.RESOLVED_SINCE, params)
        gone: dict[tuple[int, str], int] = {
            (seconds, name): count for seconds, name, count in cursor.fetchall()
        }

    def change(severity: str, seconds: int, came: int) -> int | None:
        if counted[severity][0] > COUNT_BOUND or (seconds, severity) not in gone:
            return None
        return came - gone[seconds, severity]

    return [
        Unresolved(
            severity,
            BoundedCount(min(rows, COUNT_BOUND), exact=rows <= COUNT_BOUND),
            change(severity, HOUR, in_hour),
            change(severity, DAY, in_day),
        )
        for severity in severities
        for rows, in_hour, in_day in [counted[severity]]
    ]


def top_event_types() -> list[Top]:
    return [Top("event_type", value, value, count) for value, count in _top("event_type")]


def top_devices() -> list[Top]:
    return _named("device", _top("device_id"), Device)


def top_accounts() -> list[Top]:
    return _named("account", _top("account_id"), Account)


def latest_failures() -> list[SystemEvent]:
    """The newest critical and error events, resolved or not."""
    # Each severity by its index: were there few, one scan for both would pass all other rows.
    ids = [
        pk
        for severity in FAILURES
        for pk in SystemEvent.objects.filter(severity=severity)
        .order_by("-pk")
        .values_list("pk", flat=True)[:LATEST_ROWS]
    ]
    newest = sorted(ids, reverse=True)[:LATEST_ROWS]
    events = SystemEvent.objects.defer("context").in_bulk(newest)
    return [events[pk] for pk in newest if pk in events]


def _top(column: str) -> list[tuple[Any, int]]:
    params: Any = {"severities": list(FAILURES), "bound": COUNT_BOUND, "rows": TOP_ROWS}
    with connection.cursor() as cursor:
        cursor.execute(statements.TOP[column], params)
        return [(value, count) for value, count in cursor.fetchall()]


def _named(
    parameter: str, counted: Sequence[tuple[Any, int]], model: type[Device] | type[Account]
) -> list[Top]:
    names = model._default_manager.in_bulk([value for value, _ in counted])
    return [
        Top(parameter, str(value), str(names.get(value, value)), count) for value, count in counted
    ]
