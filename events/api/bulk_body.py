"""The body of a bulk action: ids, or the list's filters, or the token of a preview."""

import json
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from sovi_events.following.position import MAX_ID

from .bulk_schema import MAX_IDS
from .serializers import ActionSerializer, TextField

WHAT = ("ids", "filters", "token")


class IdsField(serializers.Field[Any, Any, Any, Any]):
    """Whole numbers, each once."""

    def to_internal_value(self, data: Any) -> list[int]:
        if not isinstance(data, list) or not data:
            raise ValidationError("This must be an array of at least one id.")
        if len(data) > MAX_IDS:
            raise ValidationError(f"The array may hold {MAX_IDS} ids, not {len(data)}.")
        for value in data:
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_ID:
                raise ValidationError(f"{json.dumps(value)[:40]} is not an event's id.")
        return list(dict.fromkeys(data))


class FiltersField(serializers.Field[Any, Any, Any, Any]):
    """An object of the list's filters, as the query string that they would be."""

    def to_internal_value(self, data: Any) -> QueryDict:
        if not isinstance(data, dict):
            raise ValidationError("This must be an object of the list's filters.")
        query = QueryDict(mutable=True)
        for name, value in data.items():
            query.setlist(name, [_text(name, item) for item in _items(value)])
        return query


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and name == "context":
        return json.dumps(value)
    raise ValidationError(f"{name} can't be {json.dumps(value)[:40]}.")


class BulkActionSerializer(ActionSerializer):
    """One of `WHAT`; with ids or a token a reason besides."""

    ids = IdsField(required=False)
    filters = FiltersField(required=False)
    token = TextField(required=False)

    def validate(self, attrs: Any) -> Any:
        if sum(name in attrs for name in WHAT) != 1:
            raise ValidationError({"detail": "Give either ids, or filters, or a token."})
        if "filters" in attrs and "reason" in attrs:
            raise ValidationError({"reason": ["Give the reason with the token."]})
        return attrs
