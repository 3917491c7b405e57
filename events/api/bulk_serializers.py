"""A bulk action's body: ids, or the list's filters, or the token of a preview; and its answers."""

import json
from dataclasses import replace
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from events.bulk.confirmation import token_of
from events.bulk.preview import Preview
from events.filters.query_string import IGNORED
from events.models import BulkJob, EventAction
from events.models.action import ACTOR_COLUMNS
from events.web.permissions import VIEW_ACTION
from sovi_events import catalog
from sovi_events.following.position import MAX_ID, MIN_ID

from .filter_backend import filters_schema
from .serializers import ActionSerializer, EventSerializer, TextField, TimestampField

MAX_IDS = 10_000
HIDDEN = "Null to who may not view actions."
WHAT = ("ids", "filters", "token")


class IdsField(serializers.ListField):
    """Whole numbers, each once."""

    def to_internal_value(self, data: Any) -> list[int]:
        if not isinstance(data, list) or not data:
            raise ValidationError("This must be an array of at least one id.")
        if len(data) > MAX_IDS:
            raise ValidationError(f"The array may hold {MAX_IDS} ids, not {len(data)}.")
        for value in data:
            is_number = isinstance(value, int) and not isinstance(value, bool)
            if not is_number or not MIN_ID <= value <= MAX_ID:
                raise ValidationError(f"{json.dumps(value)[:40]} is not an event's id.")
        return list(dict.fromkeys(data))


@extend_schema_field(filters_schema())
class FiltersField(serializers.Field[Any, Any, Any, Any]):
    """An object of the list's filters, as the query string that they would be."""

    def to_internal_value(self, data: Any) -> QueryDict:
        if not isinstance(data, dict):
            raise ValidationError("This must be an object of the list's filters.")
        query = QueryDict(mutable=True)
        for name, value in data.items():
            if name in IGNORED:  # in addresses alone; here nothing would be left of the filter
                raise ValidationError(f"There is no filter {name}.")
            values = value if isinstance(value, list) else [value]
            query.setlist(name, [_text(name, item) for item in values])
        return query


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        if not value.strip(", "):  # in an address it would not filter: all events were meant
            raise ValidationError(f"{name} can't be empty: leave it out.")
        return value
    if isinstance(value, bool) and name == "resolved":
        return str(value).lower()
    if isinstance(value, dict) and name == "context":
        return json.dumps(value)
    raise ValidationError(f"{name} can't be {json.dumps(value)[:40]}.")


class BulkActionSerializer(ActionSerializer):
    """Ids, or filters, or a preview's token; a reason with ids or a token."""

    schema = {
        "additionalProperties": False,
        "oneOf": [
            {"required": ["ids"]},
            {"required": ["filters"], "properties": {"reason": {"not": {}}}},
            {"required": ["token"]},
        ],
    }
    ids = IdsField(
        child=serializers.IntegerField(), min_length=1, max_length=MAX_IDS, required=False
    )
    filters = FiltersField(required=False)
    token = TextField(required=False, min_length=1)

    def validate(self, attrs: Any) -> Any:
        if sum(name in attrs for name in WHAT) != 1:
            raise ValidationError({"detail": "Give either ids, or filters, or a token."})
        if "filters" in attrs and "reason" in attrs:
            raise ValidationError({"reason": ["Give the reason with the token."]})
        return attrs


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
    previewed_at = TimestampField(source="moment", help_text="UTC.")
    count = serializers.IntegerField(source="extent.rows", help_text="Events that it would change.")
    exact = serializers.BooleanField(
        source="extent.exact", help_text="False where the numbers are estimates."
    )
    by_severity = serializers.DictField(
        source="extent.by_severity", child=serializers.IntegerField()
    )
    oldest = EventSerializer(allow_null=True, help_text="Null also where it took too long.")
    newest = EventSerializer(allow_null=True, help_text="Null also where it took too long.")
    sample = EventSerializer(many=True, help_text="The newest of them.")
    complete = serializers.BooleanField(
        help_text="False where newer events are left out, because some are still settling."
    )
    left_out = serializers.CharField(help_text="Why, and what to do about it; else empty.")
    token = serializers.SerializerMethodField(help_text="Confirms it.")

    def get_token(self, seen: Preview) -> str:
        return token_of(seen, user_id=self.context["request"].user.pk)

    def to_representation(self, seen: Preview) -> dict[str, Any]:
        return super().to_representation(replace(seen, sample=seen.sample or []))


@extend_schema_serializer(component_name="BulkJob")
class JobSerializer(serializers.Serializer[Any]):
    """A job that resolves or reopens what a preview showed."""

    id = serializers.IntegerField()
    action = serializers.ChoiceField(EventAction.Action.values)
    state = serializers.ChoiceField(BulkJob.State.values)
    filters = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    actor = serializers.CharField(allow_null=True, help_text=HIDDEN)
    actor_kind = serializers.CharField(help_text=f"{', '.join(catalog.RESOLVERS)}.")
    face = serializers.CharField(
        allow_null=True, help_text=f"{', '.join(EventAction.Face.values)}. {HIDDEN}"
    )
    reason = serializers.CharField(allow_null=True, help_text=HIDDEN)
    operation = serializers.UUIDField(
        allow_null=True, help_text=f"Of its rows in the history. {HIDDEN}"
    )
    steps = serializers.ListField(
        child=serializers.DictField(child=serializers.CharField()),
        allow_null=True,
        help_text=f"Who confirmed, stopped and resumed it. {HIDDEN}",
    )
    previewed_at = TimestampField(help_text="UTC.")
    created_at = TimestampField(help_text="UTC.")
    finished_at = TimestampField(allow_null=True, help_text="UTC.")
    expected = serializers.IntegerField(help_text="What the preview said.")
    expected_is_exact = serializers.BooleanField()
    changed = serializers.IntegerField(help_text="Exact, so far or in the end.")
    left_alone = serializers.IntegerField(help_text="Someone has acted on these since the preview.")
    progress = serializers.SerializerMethodField(help_text="From 0 to 1.")
    error = serializers.CharField(allow_null=True, help_text="Why it failed.")

    def get_progress(self, job: BulkJob) -> float:
        return round(job.share, 4)

    def to_representation(self, job: BulkJob) -> dict[str, Any]:
        shown = super().to_representation(job)
        if not self.context["request"].user.has_perm(VIEW_ACTION):
            shown |= dict.fromkeys((*ACTOR_COLUMNS, "steps"))
        return shown
