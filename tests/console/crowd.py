"""Many events of all kinds, at times in no order; and rows counted from the table itself."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from events.models import Device, SystemEvent

START = datetime(2026, 3, 27, tzinfo=UTC)
DAYS = 5  # Europe's clocks change in the middle
SEVERITIES = ("info", "info", "info", "warning", "error", "critical", "of another program")
EVENT_TYPES = ("warming_complete", "login_failed", "device_disconnected", "x" * 2000)


def devices(count: int = 3) -> list[Device]:
    return [Device.objects.create(name=f"iPhone-{number}") for number in range(count)]


def add(chance: random.Random, count: int, phones: Sequence[Device]) -> None:
    """Store events at random times of `DAYS` days, half of them on the edge of a quarter hour."""

    def moment() -> datetime:
        if chance.random() < 0.5:
            return START + timedelta(minutes=15 * chance.randrange(DAYS * 96))
        return START + timedelta(seconds=chance.random() * DAYS * 86400)

    SystemEvent.objects.bulk_create(
        SystemEvent(
            timestamp=moment(),
            severity=chance.choice(SEVERITIES),
            category=chance.choice(("scheduler", "account", "y" * 2000)),
            event_type=chance.choice(EVENT_TYPES),
            device=chance.choice([None, *phones]),
            resolved=chance.choice([True, False, None]),
            message="one of many",
        )
        for _ in range(count)
    )


def rows(statement: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall()) if cursor.description else []
