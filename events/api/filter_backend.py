"""The list's filters, and the parameters that a list doesn't know."""

from typing import Any

from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.extensions import OpenApiFilterExtension
from drf_spectacular.plumbing import build_parameter_type
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from events.filters.fields import (
    NONE,
    InstantField,
    SearchField,
    TrueFalseField,
    UUIDsField,
    ValuesField,
)
from events.filters.filterset import EventFilterSet
from events.filters.query_string import read_query
from events.filters.search.frozen import MAX_CHARACTERS
from events.models.event import SystemEventQuerySet


class EventFilterBackend(DjangoFilterBackend):  # type: ignore[misc]  # no types
    """Filters by the view's `filterset_class`, and refuses parameters that nobody reads.

    The view reads those of its `query_serializer_class`; it has no use for its `excluded_filters`.
    """

    def get_filterset(
        self, request: Request, queryset: SystemEventQuerySet, view: Any
    ) -> EventFilterSet:
        """Return the filters, checked. Raises `events.filters.query_string.InvalidQuery`."""
        return read_query(
            request.query_params,
            queryset,
            also=view.query_serializer_class.names(),
            without=view.excluded_filters,
        )


class EventFilterExtension(OpenApiFilterExtension):  # type: ignore[no-untyped-call]
    """The filters' parameters, made of their fields."""

    target_class = EventFilterBackend
    priority = 1  # before drf-spectacular's own for `DjangoFilterBackend`

    def get_schema_operation_parameters(
        self, auto_schema: Any, *args: Any, **kwargs: Any
    ) -> list[dict[str, Any]]:
        view = auto_schema.view
        filters = view.filterset_class.base_filters
        return [
            _parameter(name, filters[name]) for name in filters if name not in view.excluded_filters
        ]


def _parameter(name: str, event_filter: Any) -> dict[str, Any]:
    several = isinstance(event_filter.field, ValuesField)
    schema = schema_of(event_filter.field)
    description = str(event_filter.extra["help_text"])
    parameter: dict[str, Any] = build_parameter_type(
        name=name,
        schema={"type": "array", "items": schema} if several else schema,
        location=OpenApiParameter.QUERY,
        description=f"{description} Repeat it or use commas." if several else description,
        explode=True if several else None,
        style="form" if several else None,
    )
    return parameter


def schema_of(field: Any) -> dict[str, Any]:
    """Return the JSON schema of one value of a filter's field."""
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
