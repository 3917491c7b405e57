"""Resolving and reopening many events: by ids, or by filters, previewed and confirmed."""

import uuid
from collections.abc import Callable
from typing import Any

from django.db import transaction
from drf_spectacular.utils import F, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.exceptions import ValidationError

from events.bulk.confirmation import MAX_AGE_SECONDS, InvalidToken, confirm
from events.bulk.workers import workers
from events.filters.filterset import EventFilterSet
from events.models import BulkJob, SystemEvent
from events.models.actor import Actor
from events.models.event import CHUNK_ROWS
from events.reading.time_limit import time_limit
from sovi_events import catalog

from . import schema
from .bulk_serializers import MAX_IDS, ChangedSerializer, JobSerializer, PreviewSerializer
from .filter_backend import schema_of

REPEAT = "Send the same ids again: what was done already is not done twice."
BULK_BYTES = 256 * 1024

DESCRIPTION = (
    f"With `ids`, at once: up to {MAX_IDS} events; answers those that it changed. With `filters`, "
    "the list's, nothing is changed: answers a preview and its `token`. With `token`, within "
    f"{MAX_AGE_SECONDS // 60} minutes and by the same user: answers 202 and the job that does what "
    "the preview showed. What arrives later, and what anyone has acted on since, it leaves alone. "
    "The same token again answers the same job."
)

_IDS = {"type": "array", "items": {"type": "integer", "format": "int64"}}
_REASON = {"type": "string", "maxLength": 1000, "description": "Why."}
_CLAIM = {"type": "string", "enum": list(catalog.RESOLVERS), "description": "The credential's."}


def _body(name: str, of: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: of, "resolved_by": _CLAIM, **others},
        "required": [name],
        "additionalProperties": False,
    }


def _filter(name: str) -> dict[str, Any]:
    one = schema_of(EventFilterSet.base_filters[name].field)
    if name == "context":
        return {"type": "object", "additionalProperties": True}
    if EventFilterSet.takes_several(name):
        return {"oneOf": [one, {"type": "array", "items": one}]}
    return one


FILTERS = {
    "type": "object",
    "properties": {name: _filter(name) for name in EventFilterSet.parameters()},
    "additionalProperties": False,
}
BODY = {
    "oneOf": [
        _body("ids", {**_IDS, "minItems": 1, "maxItems": MAX_IDS}, reason=_REASON),
        _body("filters", FILTERS),
        _body("token", {"type": "string"}, reason=_REASON),
    ]
}
RESPONSES = {
    200: OpenApiResponse(
        PolymorphicProxySerializer(
            "BulkAnswer", [ChangedSerializer, PreviewSerializer], resource_type_field_name=None
        ),
        "With `ids` those changed, with `filters` a preview.",
    ),
    202: OpenApiResponse(JobSerializer, "Confirmed; `Location` is where to follow the job."),
    **{code: it for code, it in schema.ACTION_REFUSALS.items() if code != 404},
    413: OpenApiResponse(schema.DETAIL, f"The body is larger than {BULK_BYTES} bytes."),
    503: OpenApiResponse(schema.DETAIL, "The preview took too long: narrow the filters."),
}


def bulk_schema(action: str) -> Callable[[F], F]:
    """Describe what resolves or reopens many events."""
    return extend_schema(
        operation_id=f"{action}_events",
        summary=f"{action.capitalize()} many events, or all that match",
        description=DESCRIPTION,
        request={"application/json": BODY},
        responses=RESPONSES,
    )


def act_on(action: str, ids: list[int], *, by: Actor, reason: str | None) -> list[int]:
    """Resolve or reopen these events in chunks, each committed; return those changed, ascending.

    Raises `TookTooLong`; what was changed before stays so.
    """
    operation = uuid.uuid4()
    changed: list[int] = []
    for start in range(0, len(ids), CHUNK_ROWS):
        chunk = ids[start : start + CHUNK_ROWS]
        with time_limit(advice=REPEAT):
            changed += SystemEvent.objects.act(
                action, chunk, by=by, reason=reason, operation=operation
            )
    return sorted(changed)


def confirm_preview(
    token: str, action: str, *, user_id: Any, by: Actor, reason: str | None
) -> BulkJob:
    """Return the job of the preview, which will run. Raises `ValidationError`."""
    try:
        job = confirm(token, action, user_id=user_id, by=by, reason=reason)
    except InvalidToken as error:
        raise ValidationError({"token": [str(error)]}) from None
    transaction.on_commit(workers.wake)
    return job
