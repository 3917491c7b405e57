"""What OpenAPI says of resolving and reopening many events."""

from typing import Any

from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema_serializer,
)
from rest_framework import serializers

from events.bulk.confirmation import MAX_AGE_SECONDS
from events.filters import EventFilterSet
from events.models import BulkJob, EventAction
from sovi_events import catalog

from . import schema
from .serializers import EventSerializer

MAX_IDS = 10_000
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


class ChangedSerializer(serializers.Serializer[Any]):
    """What was changed, by ids."""

    changed = serializers.ListField(
        child=serializers.IntegerField(), help_text="Those that were not so already, ascending."
    )
    count = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Any]):
    """What would be changed."""

    action = serializers.ChoiceField(EventAction.Action.values)
    filters = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="As they were understood: times absolute, names ids.",
    )
    previewed_at = serializers.DateTimeField(help_text="UTC.")
    count = serializers.IntegerField(help_text="Events that it would change.")
    exact = serializers.BooleanField(help_text="False where the numbers are estimates.")
    by_severity = serializers.DictField(child=serializers.IntegerField())
    oldest = EventSerializer(allow_null=True, help_text="Null also where it took too long.")
    newest = EventSerializer(allow_null=True, help_text="Null also where it took too long.")
    sample = EventSerializer(many=True, help_text="The newest of them.")
    complete = serializers.BooleanField(
        help_text="False where newer events are left out, because some are still settling."
    )
    token = serializers.CharField(help_text="Confirms it.")


@extend_schema_serializer(component_name="BulkJob")
class JobSerializer(serializers.Serializer[Any]):
    """A job that resolves or reopens what a preview showed."""

    id = serializers.IntegerField()
    action = serializers.ChoiceField(EventAction.Action.values)
    state = serializers.ChoiceField(BulkJob.State.values)
    filters = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    actor = serializers.CharField()
    actor_kind = serializers.CharField(help_text=f"{', '.join(catalog.RESOLVERS)}.")
    face = serializers.CharField(help_text=f"{', '.join(EventAction.Face.values)}.")
    reason = serializers.CharField(allow_null=True)
    operation = serializers.UUIDField(help_text="Of its rows in the history.")
    previewed_at = serializers.DateTimeField(help_text="UTC.")
    created_at = serializers.DateTimeField(help_text="UTC.")
    finished_at = serializers.DateTimeField(allow_null=True, help_text="UTC.")
    expected = serializers.IntegerField(help_text="What the preview said.")
    expected_is_exact = serializers.BooleanField()
    changed = serializers.IntegerField(help_text="Exact, so far or in the end.")
    left_alone = serializers.IntegerField(help_text="Someone has acted on these since the preview.")
    progress = serializers.FloatField(help_text="From 0 to 1.")
    error = serializers.CharField(allow_null=True, help_text="Why it failed.")


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
