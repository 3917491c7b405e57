"""Events as they are sent: one, or an array of them; and the ids that answer them."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from sovi_events import catalog
from sovi_events.errors import InvalidEvent
from sovi_events.record import NAME_CHARACTERS, Record, optional_uuid

from .serializers import StrictSerializer

MAX_EVENTS = 1000
NOT_BLANK = r"\S"
MAX_NAMED = 100
"""Events named in one refusal."""


class EventInputSerializer(StrictSerializer):
    """An event to store."""

    category = serializers.RegexField(
        NOT_BLANK,
        max_length=NAME_CHARACTERS,
        help_text=f"{', '.join(catalog.CATEGORIES)}, or another.",
    )
    severity = serializers.ChoiceField(catalog.SEVERITIES)
    event_type = serializers.RegexField(
        NOT_BLANK, max_length=NAME_CHARACTERS, help_text="One of the catalog's, or another."
    )
    message = serializers.RegexField(NOT_BLANK)
    device_id = serializers.UUIDField(required=False, allow_null=True, help_text="The device.")
    account_id = serializers.UUIDField(required=False, allow_null=True, help_text="The account.")
    context = serializers.DictField(  # type: ignore[assignment]  # Field has one of that name
        required=False, allow_null=True, help_text="Structured metadata."
    )

    def to_internal_value(self, data: Any) -> Record:
        """Check an event by the rules of every producer, the library's. Raises `InvalidEvent`."""
        record = Record.from_mapping(0, data)
        # The schema has ids as UUIDs: a host that is told can mend what it sends.
        for name in ("device_id", "account_id"):
            optional_uuid(name, data.get(name))
        return record


class EmissionSerializer(serializers.BaseSerializer[Any]):
    """An event, or an array of them."""

    def to_internal_value(self, data: list[Any]) -> list[Record]:
        """Make records of the events; raises `ValidationError` naming those that can't be one."""
        event_input = EventInputSerializer()
        records = []
        mistakes = []
        for index, event in enumerate(data):
            try:
                records.append(event_input.to_internal_value(event))
            except InvalidEvent as error:
                mistakes.append((index, str(error).removeprefix("events[0]: ")))
        if mistakes:
            raise refused(mistakes)
        return records


class StoredSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.IntegerField(),
        min_length=1,
        help_text="In the order of the events; one event has one.",
    )


def refused(reasons: Iterable[tuple[int, str]]) -> ValidationError:
    """Make the error that tells the reasons by the events' indexes."""
    named = {str(index): [reason] for index, reason in islice(reasons, MAX_NAMED)}
    detail = "Nothing was stored, because of the events named here."
    if len(named) == MAX_NAMED:
        detail += " There may be more of them."
    return ValidationError({"detail": detail, "events": named})
