"""A filter as a job keeps it: the list's parameters with their values, as texts."""

from collections.abc import Mapping

from django.http import QueryDict

from events.models import SystemEvent
from events.models.event import SystemEventQuerySet

from .event_filter import EventFilter
from .query_string import read_query

StoredFilter = Mapping[str, list[str]]


def serialise(query: QueryDict) -> dict[str, list[str]]:
    """Read the list's parameters and write them as they were understood.

    Raises `events.filters.query_string.InvalidQuery`.
    """
    return read_query(query).event_filter.to_json()


def deserialise(stored: StoredFilter) -> SystemEventQuerySet:
    """Return the events that a kept filter matches."""
    return SystemEvent.objects.matching(EventFilter.from_json(stored))
