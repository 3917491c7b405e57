"""Events from hosts without database credentials: checked, then stored all or none."""

import logging
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import psycopg
from django.db import DatabaseError, transaction
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from events.models import SystemEvent
from events.reading.raw_sql import read_rows
from events.reading.time_limit import statement_limit, time_limit
from sovi_events.record import Record
from sovi_events.storable import CONTEXT_BYTES, MESSAGE_BYTES
from sovi_events.writing.insert import ATTEMPTS, draw_taken_ids
from sovi_events.writing.refusal import Meaning, meaning

from .body import check_size
from .body_sizes import EMISSION_BYTES
from .emission_serializers import (
    MAX_EVENTS,
    MAX_NAMED,
    EmissionSerializer,
    StoredSerializer,
    refused,
)
from .errors import ServiceUnavailable
from .idempotency import HEADER, IDEMPOTENCY_KEY
from .serializers import RefusalSerializer

DESCRIPTION = f"""An object is one event, an array is several: all are stored, or none. A device or
account that isn't known is kept in the context, as `unknown_device_id` or `unknown_account_id`; a
message over {MESSAGE_BYTES} bytes and a context over {CONTEXT_BYTES} bytes are cut with a mark. The
time is when it is stored. The body may have {EMISSION_BYTES} bytes."""
NOTHING_STORED = "Nothing was stored: send it again."

logger = logging.getLogger(__name__)

emission_schema = extend_schema(
    description=DESCRIPTION,
    parameters=[IDEMPOTENCY_KEY],
    request=EmissionSerializer,
    responses={
        201: OpenApiResponse(StoredSerializer, "Stored, now or under the same key before."),
        422: OpenApiResponse(RefusalSerializer, f"Something else was sent under this {HEADER}."),
    },
)


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


def store(emit: Callable[[], list[int]], records: list[Record]) -> list[int]:
    """Return the ids that `emit` stores the records under, all or none.

    Raises what is to be answered: 400 with the records that PostgreSQL refuses for their own data,
    503 where it is the database's state. Ids that rows have already are passed by.
    """
    for _ in range(ATTEMPTS):
        try:
            with statement_limit(advice=NOTHING_STORED):
                return emit()
        except DatabaseError as error:
            failure = error
        if not _draw_taken_ids(failure):
            break
    raise _refusal(failure, records) from failure


def _draw_taken_ids(error: DatabaseError) -> bool:
    cause = error.__cause__
    if not isinstance(cause, psycopg.errors.UniqueViolation):
        return False
    with statement_limit(advice=NOTHING_STORED):
        return draw_taken_ids(cause, read_rows)


def _refusal(error: DatabaseError, records: list[Record]) -> APIException:
    if _reason(error) is not None:
        try:
            with time_limit(advice=NOTHING_STORED), transaction.atomic():
                named = list(islice(_find_refusals(records), MAX_NAMED))
                transaction.set_rollback(True)
        except DatabaseError as state:  # of what some of them alone meet, a partition say
            error = state
        else:
            # Where none is, the rows that it met the first time have changed since.
            return refused(named) if named else ServiceUnavailable()
    logger.error("The database can't take events", exc_info=error)
    return ServiceUnavailable()


def _find_refusals(records: list[Record], first: int = 0) -> Iterator[tuple[int, str]]:
    """Store what can be, half by half; yield the index of each that can't, and the reason."""
    try:
        with transaction.atomic():
            SystemEvent.objects.emit(records)
    except DatabaseError as error:
        reason = _reason(error)
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


def _reason(error: DatabaseError) -> str | None:
    """Why PostgreSQL refuses the rows themselves; None when it is the database's state."""
    cause = error.__cause__
    if isinstance(cause, psycopg.Error) and meaning(cause, read_rows) is Meaning.REFUSED:
        return f"PostgreSQL refuses it: {cause.diag.message_primary}"
    return None
