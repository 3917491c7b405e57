"""What OpenAPI says of resolving and reopening many events."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
)

from events.bulk.confirmation import MAX_AGE_SECONDS
from events.filters import EventFilterSet
from sovi_events import catalog

from . import schema
from .bulk_serializers import MAX_IDS, ChangedSerializer, JobSerializer, PreviewSerializer

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
    one = schema.schema_of(EventFilterSet.base_filters[name].field)
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
JOB_ID = OpenApiParameter(
    "id", {"type": "integer", "format": "int64"}, OpenApiParameter.PATH, required=True
)


ACCEPTED = OpenApiResponse(JobSerializer, "Confirmed; `Location` is where to follow the job.")
ANSWERED = OpenApiResponse(
    PolymorphicProxySerializer(
        "BulkAnswer", [ChangedSerializer, PreviewSerializer], resource_type_field_name=None
    ),
    "With `ids` those changed, with `filters` a preview.",
)
ACTION_REFUSALS = {
    **{code: it for code, it in schema.ACTION_REFUSALS.items() if code != 404},
    413: OpenApiResponse(schema.DETAIL, f"The body is larger than {BULK_BYTES} bytes."),
    503: OpenApiResponse(schema.DETAIL, "The preview took too long: narrow the filters."),
}
NO_JOB = {404: OpenApiResponse(schema.DETAIL, "There is no such job.")}
