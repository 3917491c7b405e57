"""The list's filters, and the parameters that a list doesn't know."""

from collections.abc import Collection
from typing import Any

from django.forms import Field
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from events.filters.fields import (
    NONE,
    InstantField,
    SearchField,
    TrueFalseField,
    UUIDsField,
)
from events.filters.filterset import EventFilterSet
from events.filters.query_string import read_query
from events.filters.search.normalise import MAX_CHARACTERS
from events.models.event import SystemEventQuerySet
from events.reading.time_limit import statement_limit
from events.web.names import refuse_names, shown_to

SCHEMAS: dict[type[Field], dict[str, Any]] = {
    UUIDsField: {
        "anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "enum": [NONE]}]
    },
    TrueFalseField: {"type": "boolean"},
    InstantField: {"type": "string", "examples": ["2h", "2026-01-31T18:30:00Z"]},
    SearchField: {"type": "string", "maxLength": MAX_CHARACTERS},
}
"""Of the other fields a value is any text."""

EMPTY = {"type": "string", "maxLength": 0}


class EventFilterBackend(DjangoFilterBackend):  # type: ignore[misc]  # no types
    """Filters by the view's `filterset_class`, and refuses parameters that nobody reads.

    The view reads those of its `operation`; it has no use for its `excluded_filters`.
    """

    def get_filterset(
        self, request: Request, queryset: SystemEventQuerySet, view: Any
    ) -> EventFilterSet:
        """Return the filters, checked. Raises `InvalidQuery` and, of a name's, `TookTooLong`."""
        refuse_names(request.query_params, shown_to(request.user))
        with statement_limit():
            return read_query(
                request.query_params,
                queryset,
                also=view.operation.parameters.names(),
                without=view.excluded_filters,
            )


def filter_parameters(excluded: Collection[str]) -> list[OpenApiParameter]:
    """Describe the filters as parameters."""
    filters = EventFilterSet.base_filters
    return [_parameter(name, filters[name]) for name in filters if name not in excluded]


def _parameter(name: str, event_filter: Any) -> OpenApiParameter:
    schema, description = _schema_of(event_filter.field), str(event_filter.extra["help_text"])
    if EventFilterSet.takes_several(name):
        one = {"anyOf": [*schema["anyOf"], EMPTY]} if "anyOf" in schema else schema
        schema = {"type": "array", "items": one}
        description += " Repeat it or use commas."
    return OpenApiParameter(name, schema, description=description)


def filters_schema() -> dict[str, Any]:
    """Return the JSON schema of an object that holds filters."""
    properties: dict[str, Any] = {}
    for name, event_filter in EventFilterSet.base_filters.items():
        one = {"minLength": 1, **_schema_of(event_filter.field)}
        several = {"oneOf": [one, {"type": "array", "items": one}]}
        properties[name] = several if EventFilterSet.takes_several(name) else one
    properties["context"] = {"type": "object", "additionalProperties": True}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _schema_of(field: Any) -> dict[str, Any]:
    """Return the JSON schema of one value of a filter's field."""
    return SCHEMAS.get(type(field), {"type": "string"})
