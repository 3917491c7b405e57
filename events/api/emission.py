"""Events from hosts without database credentials: checked, then stored all or none."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import psycopg
from django.db import DatabaseError, transaction
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from events.models import SystemEvent
from sovi_events.errors import InvalidEvent
from sovi_events.record import Record, optional_uuid
from sovi_events.writing.insert import REJECTIONS

from .body import check_size
from .emission_schema import EMISSION_BYTES, MAX_EVENTS
from .errors import ServiceUnavailable

NOTHING_STORED = "Nothing was stored: send it again."
MAX_NAMED = 100
"""Events named in one refusal."""


def read_events(request: Request) -> list[Any]:
    """Return what was sent as a list, not yet checked one by one."""
    check_size(request, EMISSION_BYTES)
    data = request.data
    events = [data] if isinstance(data, dict) else data
    if not isinstance(events, list):
        raise ValidationError({"detail": "The body must be an event, a JSON object, or an array."})
    if not events:
        raise ValidationError({"detail": "The array must hold at least one event."})
    if len(events) > MAX_EVENTS:
        raise ValidationError(
            {"detail": f"The array may hold {MAX_EVENTS} events, not {len(events)}."}
        )
    return events


def check(events: list[Any]) -> list[Record]:
    """Make records of the events; raises `ValidationError` naming those that can't be one."""
    records = []
    mistakes = []
    for index, event in enumerate(events):
        try:
            records.append(Record.from_mapping(index, event))
            # The schema has ids as UUIDs: a host that is told can mend what it sends.
            for name in ("device_id", "account_id"):
                optional_uuid(name, event.get(name))
        except InvalidEvent as error:
            mistakes.append((index, str(error).removeprefix(f"events[{index}]: ")))
    if mistakes:
        raise refused(mistakes)
    return records


def store(records: list[Record]) -> list[int]:
    """Store the records in one transaction, or in the caller's; return their ids in order.

    Raises `ValidationError` naming those that PostgreSQL refuses.
    """
    try:
        with transaction.atomic():
            return SystemEvent.objects.emit(records)
    except DatabaseError as error:
        if _refusal(error) is None:
            raise
        with transaction.atomic():
            named = list(islice(_find_refusals(records), MAX_NAMED))
            transaction.set_rollback(True)
        if not named:  # the rows it met the first time have changed since
            raise ServiceUnavailable from error
    raise refused(named)


def refused(reasons: Iterable[tuple[int, str]]) -> ValidationError:
    """Make the error that tells the reasons by the events' indexes."""
    named = {str(index): [reason] for index, reason in islice(reasons, MAX_NAMED)}
    detail = "Nothing was stored, because of the events named here."
    if len(named) == MAX_NAMED:
        detail += " There may be more of them."
    return ValidationError({"detail": detail, "events": named})


def _find_refusals(records: list[Record], first: int = 0) -> Iterator[tuple[int, str]]:
    """Store what can be, half by half; yield the index of each that can't, and the reason."""
    try:
        with transaction.atomic():
            SystemEvent.objects.emit(records)
    except DatabaseError as error:
        reason = _refusal(error)
        if reason is None:
            raise
    else:
        return
    if len(records) == 1:
        yield first, reason
    else:
        middle = len(records) // 2
        yield from _find_refusals(records[:middle], first)
        yield from _find_refusals(records[middle:], first + middle)


def _refusal(error: DatabaseError) -> str | None:
    """Why PostgreSQL refuses the rows themselves; None when it is about something else."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and (cause.sqlstate or "").startswith(REJECTIONS):
        return f"PostgreSQL refuses it: {cause.diag.message_primary}"
    return None
