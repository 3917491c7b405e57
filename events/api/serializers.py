"""Events, the catalog and refusals as they are answered; the body of an action."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError

from events.models import SystemEvent
from events.models.action import REASON_LENGTH
from events.models.actor import Actor
from events.web.event_json import instant, represent
from sovi_events import catalog


class TimestampField(serializers.DateTimeField):
    """A time as events have it: UTC, with microseconds."""

    def to_representation(self, value: Any) -> Any:
        return instant(value)


class EventSerializer(serializers.Serializer[Any]):
    """One row of `system_events`, as REST and the stream show it."""

    id = serializers.IntegerField(help_text="Ascending, not without gaps.")
    timestamp = serializers.DateTimeField(help_text="UTC.")
    category = serializers.CharField(help_text=f"{', '.join(catalog.CATEGORIES)}, or another.")
    severity = serializers.CharField(help_text=f"{', '.join(catalog.SEVERITIES)}.")
    event_type = serializers.CharField(help_text="One of the catalog's, or another.")
    device_id = serializers.UUIDField(allow_null=True)
    account_id = serializers.UUIDField(allow_null=True)
    message = serializers.CharField()
    context = serializers.JSONField(  # type: ignore[assignment]  # Field has one of that name
        help_text="Structured metadata, by convention an object."
    )
    resolved = serializers.BooleanField()
    resolved_by = serializers.CharField(
        allow_null=True, help_text=f"{', '.join(catalog.RESOLVERS)}; null while unresolved."
    )
    resolved_at = serializers.DateTimeField(allow_null=True, help_text="UTC.")

    def to_representation(self, event: SystemEvent | dict[str, Any]) -> dict[str, Any]:
        # `event_json.read` made what is one already.
        return represent(vars(event)) if isinstance(event, SystemEvent) else event


class EventTypeSerializer(serializers.Serializer[Any]):
    category = serializers.CharField()
    event_type = serializers.CharField(source="name")
    severity = serializers.ChoiceField(catalog.SEVERITIES, help_text="Its usual severity.")
    when = serializers.CharField(help_text="When it is emitted.")
    context_fields = serializers.ListField(child=serializers.CharField())
    recovered_by = serializers.ListField(
        child=serializers.CharField(), help_text="Event types that say the failure is over."
    )


# Of the module `sovi_events.catalog`.
class CatalogSerializer(serializers.Serializer[Any]):
    categories = serializers.ListField(child=serializers.CharField(), source="CATEGORIES")
    severities = serializers.ListField(child=serializers.CharField(), source="SEVERITIES")
    resolvers = serializers.ListField(child=serializers.CharField(), source="RESOLVERS")
    event_types = EventTypeSerializer(many=True, source="EVENT_TYPES")


class TextField(serializers.CharField):
    """A JSON string; Django REST framework's own takes numbers as well."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


# Refuses names that are not its fields'. OpenAPI adds `schema` to what the fields say.
class StrictSerializer(serializers.Serializer[Any]):
    schema: Mapping[str, Any] = {"additionalProperties": False}

    def to_internal_value(self, data: Any) -> Any:
        unknown = f"Unknown field. Known ones: {', '.join(self.fields)}."
        if errors := {name: [unknown] for name in data if name not in self.fields}:
            raise ValidationError(errors)
        return super().to_internal_value(data)


class ActionSerializer(StrictSerializer):
    """The optional body of resolve and reopen."""

    resolved_by = serializers.ChoiceField(
        catalog.RESOLVERS, required=False, help_text="Must be the kind of the credential used."
    )
    reason = TextField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,  # it is counted as it was sent
        max_length=REASON_LENGTH,
        help_text="Why.",
    )

    def reason_given_by(self, actor: Actor) -> str | None:
        """Check the body and return its reason.

        Raises `ValidationError`, or `PermissionDenied` when it claims a kind that `actor` is not.
        """
        self.is_valid(raise_exception=True)
        claimed = self.validated_data.get("resolved_by", actor.kind)
        if claimed != actor.kind:
            raise PermissionDenied(
                f"This credential acts as {actor.kind}; it can't act as {claimed}."
            )
        return self.validated_data.get("reason", "").strip() or None


class RefusalSerializer(StrictSerializer):
    detail = serializers.CharField()


class ReasonsSerializer(StrictSerializer):
    """Reasons by parameter or field."""

    schema = {"additionalProperties": {"type": "array", "items": {"type": "string"}}}


class RefusedEventsSerializer(RefusalSerializer):
    events = ReasonsSerializer(help_text="By the event's index, from 0.")
