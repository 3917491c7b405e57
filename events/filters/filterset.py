"""The filters of the event list: the same parameters for REST, the stream, exports and pages."""

from functools import cached_property, lru_cache
from typing import Any

import django_filters
from django import forms
from django.utils.datastructures import MultiValueDict

from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from sovi_events import catalog

from .event_filter import EventFilter
from .fields import (
    InstantField,
    JSONObjectField,
    KnownField,
    SearchField,
    TrueFalseField,
    UUIDsField,
    ValuesField,
)
from .search import guide
from .search.keys import KEYS

TIME = "this time (ISO 8601, in the site's zone without an offset, or how long ago, such as 2h)"


class AnyOf(django_filters.Filter):  # type: ignore[misc]  # django-filter has no types
    """The column holds one of the values given."""

    field_class: type[ValuesField] = ValuesField

    def __init__(self, field_name: str, help_text: str, **kwargs: Any) -> None:
        super().__init__(field_name, "in", label=field_name, help_text=help_text, **kwargs)


class AnyOfKnown(AnyOf):
    """The same, but a known one typed wrong is refused."""

    field_class = KnownField


class AnyOfUUIDs(AnyOf):
    """The column holds one of the UUIDs given, or NULL where that is asked for."""

    field_class = UUIDsField


class SearchFilter(django_filters.Filter):  # type: ignore[misc]
    field_class = SearchField


class TrueFalse(django_filters.Filter):  # type: ignore[misc]
    field_class = TrueFalseField


class Instant(django_filters.Filter):  # type: ignore[misc]
    field_class = InstantField


class Containment(django_filters.Filter):  # type: ignore[misc]
    field_class = JSONObjectField


class EventFilterSet(django_filters.FilterSet):  # type: ignore[misc]
    """Filters over `SystemEvent`; each filter's `help_text` documents its parameter.

    A parameter that is absent or empty does not filter. `form.cleaned_data` holds, of those that
    are there, lists of str or UUID where several values may be given, else a value or None (`q`: a
    normalised search).
    """

    base_filters: dict[str, django_filters.Filter]  # by the library's metaclass
    category = AnyOf("category", "Category.")
    severity = AnyOfKnown(
        "severity",
        f"{', '.join(catalog.SEVERITIES)}, or another that a row holds.",
        key=KEYS["severity"],
    )
    event_type = AnyOf("event_type", "Event type.")
    device_id = AnyOfUUIDs("device_id", "UUID of the device; - for none.")
    account_id = AnyOfUUIDs("account_id", "UUID of the account; - for none.")
    resolved = TrueFalse("resolved", help_text="Only resolved or only unresolved.")
    resolved_by = AnyOfKnown(
        "resolved_by",
        f"{', '.join(catalog.RESOLVERS)}, or another that a row holds.",
        key=KEYS["resolved_by"],
    )
    since = Instant("timestamp", "gte", help_text=f"From {TIME} on.")
    until = Instant("timestamp", "lt", help_text=f"Before {TIME}.")
    q = SearchFilter(help_text=guide.AS_MARKDOWN)
    context = Containment(
        "context",
        "contains",
        help_text='A JSON object that the context contains, such as {"platform": "tiktok"}.',
    )

    class Meta:
        model = SystemEvent
        fields: list[str] = []

    def __init__(self, data: MultiValueDict[str, str], *args: Any) -> None:
        self.asked = tuple(name for name in type(self).base_filters if name in data)
        self.base_filters = {}  # their copies would serve to make the form's class in each request
        super().__init__(data, *args)

    def get_form_class(self) -> type[forms.Form]:
        return self._form_class(self.asked)

    @classmethod
    @lru_cache(maxsize=200)
    def _form_class(cls, names: tuple[str, ...]) -> type[forms.Form]:
        """Make the form of those parameters; those that are not asked for need no cleaning."""
        fields = {name: cls.base_filters[name].field for name in names}
        return type("EventFilterForm", (forms.Form,), fields)

    @classmethod
    def parameters(cls) -> tuple[str, ...]:
        """Names of the query parameters that filter."""
        return tuple(cls.base_filters)

    @classmethod
    def takes_several(cls, name: str) -> bool:
        """Whether a parameter may hold several values."""
        return isinstance(cls.base_filters.get(name), AnyOf)

    @cached_property
    def event_filter(self) -> EventFilter:
        """What is asked for, as a value; only where nothing was refused."""
        return EventFilter.of(self.form.cleaned_data)

    def filter_queryset(self, queryset: SystemEventQuerySet) -> SystemEventQuerySet:
        return queryset.matching(self.event_filter)
