"""What OpenAPI says of sending events."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from sovi_events import catalog
from sovi_events.record import NAME_CHARACTERS
from sovi_events.storable import CONTEXT_BYTES, MESSAGE_BYTES

from . import schema
from .idempotency import HEADER, MAX_CHARACTERS

MAX_EVENTS = 1000
EMISSION_BYTES = 1024 * 1024

DESCRIPTION = (
    "An object is one event, an array is several: all are stored, or none. A device or account "
    "that isn't known is kept in the context, as `unknown_device_id` or `unknown_account_id`; a "
    f"message over {MESSAGE_BYTES} bytes and a context over {CONTEXT_BYTES} bytes are cut with a "
    "mark. The time is when it is stored."
)


def _name(description: str) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": NAME_CHARACTERS,
        "description": description,
    }


def _id(of: str) -> dict[str, Any]:
    return {"type": "string", "format": "uuid", "nullable": True, "description": f"The {of}."}


EVENT = {
    "type": "object",
    "properties": {
        "category": _name(f"{', '.join(catalog.CATEGORIES)}, or another."),
        "severity": {"type": "string", "enum": list(catalog.SEVERITIES)},
        "event_type": _name("One of the catalog's, or another."),
        "message": {"type": "string", "minLength": 1},
        "device_id": _id("device"),
        "account_id": _id("account"),
        "context": {
            "type": "object",
            "additionalProperties": True,
            "nullable": True,
            "description": "Structured metadata.",
        },
    },
    "required": ["category", "severity", "event_type", "message"],
    "additionalProperties": False,
}
EMISSION = {
    "oneOf": [
        EVENT,
        {"type": "array", "items": EVENT, "minItems": 1, "maxItems": MAX_EVENTS},
    ]
}
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Makes it safe to send again when no answer came: the same body under the same key is "
        "stored once, and answered with the same ids, for 24 hours. A key is its token's own, or "
        "its user's where there is no token."
    ),
)

STORED = OpenApiResponse(
    {
        "type": "object",
        "properties": {
            "ids": {
                "type": "array",
                "items": {"type": "integer", "format": "int64"},
                "minItems": 1,
                "description": "In the order of the events; one event has one.",
            }
        },
        "required": ["ids"],
        "additionalProperties": False,
    },
    "Stored, now or under the same key before.",
)
BY_INDEX = {
    "type": "object",
    "properties": {
        "detail": {"type": "string"},
        "events": {**schema.REASONS, "description": "Reasons by the event's index, from 0."},
    },
    "required": ["detail", "events"],
    "additionalProperties": False,
}
REFUSALS = {
    400: OpenApiResponse(
        {"anyOf": [BY_INDEX, schema.DETAIL, schema.REASONS]},
        "Events that can't be stored, by index; a malformed body, header or parameter.",
    ),
    401: OpenApiResponse(schema.DETAIL, "No valid credential."),
    403: OpenApiResponse(schema.DETAIL, "The permission to add is missing, or the CSRF token."),
    411: OpenApiResponse(schema.DETAIL, "The body comes without a Content-Length."),
    413: OpenApiResponse(schema.DETAIL, f"The body is larger than {EMISSION_BYTES} bytes."),
    415: OpenApiResponse(schema.DETAIL, "The body isn't `application/json`."),
    422: OpenApiResponse(schema.DETAIL, f"Something else was sent under this {HEADER}."),
    503: OpenApiResponse(schema.DETAIL, "The database can't answer; send it again later."),
}

emission_schema = extend_schema(
    operation_id="emit_events",
    summary="Store one event or several",
    description=DESCRIPTION,
    request={"application/json": EMISSION},
    parameters=[IDEMPOTENCY_KEY],
    responses={201: STORED, **REFUSALS},
)
