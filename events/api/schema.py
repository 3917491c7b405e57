"""What OpenAPI says of parameters and refusals, taken from the code that reads and refuses them."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from events.filter_fields import (
    NONE,
    InstantField,
    SearchField,
    TrueFalseField,
    UUIDsField,
    ValuesField,
)
from events.filters import EventFilterSet
from events.search.frozen import MAX_CHARACTERS

from .body import BODY_BYTES

DETAIL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": False,
}
REASONS = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
    "description": "Reasons by parameter or field.",
}

NOT_FOUND = {404: OpenApiResponse(DETAIL, "There is no such event.")}
READING_REFUSALS = {
    400: OpenApiResponse(REASONS, "An unknown parameter or a malformed value."),
    401: OpenApiResponse(DETAIL, "No valid credential."),
    403: OpenApiResponse(DETAIL, "The permission to view events is missing."),
}
ACTION_REFUSALS = {
    400: OpenApiResponse({"oneOf": [DETAIL, REASONS]}, "A malformed body or parameter."),
    401: OpenApiResponse(DETAIL, "No valid credential."),
    403: OpenApiResponse(
        DETAIL, "The permission to resolve is missing, or the CSRF token, or another kind claimed."
    ),
    **NOT_FOUND,
    411: OpenApiResponse(DETAIL, "The body comes without a Content-Length."),
    413: OpenApiResponse(DETAIL, f"The body is larger than {BODY_BYTES} bytes."),
    415: OpenApiResponse(DETAIL, "The body isn't `application/json`."),
}


def schema_of(field: Any) -> dict[str, Any]:
    """The JSON schema of one value of a filter's field."""
    if isinstance(field, UUIDsField):
        uuid = {"type": "string", "format": "uuid"}
        return {"anyOf": [uuid, {"type": "string", "enum": [NONE]}]}
    if isinstance(field, ValuesField):
        return {"type": "string", **({"enum": list(field.choices)} if field.choices else {})}
    if isinstance(field, TrueFalseField):
        return {"type": "boolean"}
    if isinstance(field, InstantField):
        return {"type": "string", "format": "date-time"}
    if isinstance(field, SearchField):
        return {"type": "string", "maxLength": MAX_CHARACTERS}
    return {"type": "string"}


def filter_parameters(*, without: Iterable[str] = ()) -> list[OpenApiParameter]:
    parameters = []
    for name, event_filter in EventFilterSet.base_filters.items():
        if name in set(without):
            continue
        several = isinstance(event_filter.field, ValuesField)
        schema = schema_of(event_filter.field)
        description = str(event_filter.extra["help_text"])
        parameters.append(
            OpenApiParameter(
                name,
                {"type": "array", "items": schema} if several else schema,
                description=f"{description} Repeat it or use commas." if several else description,
                explode=True if several else None,
                style="form" if several else None,
            )
        )
    return parameters


EVENT_ID = OpenApiParameter(
    "id", {"type": "integer", "format": "int64"}, OpenApiParameter.PATH, required=True
)
