"""A filter as it can be kept: the same events whenever it is read, but for those that arrive."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import QueryDict

from events.filters import read_query
from events.models.event import SystemEventQuerySet
from events.search.meaning import condition
from events.search.parser import parse

SEARCH = "q"

FrozenFilter = Mapping[str, list[str]]
"""The list's parameters with their values; those that don't filter are left out."""


def freeze(query: QueryDict) -> dict[str, list[str]]:
    """Read the list's parameters and write them as they were understood.

    Raises `events.filters.InvalidQuery`.
    """
    cleaned = read_query(query).form.cleaned_data
    return {name: _texts(value) for name, value in cleaned.items() if value not in (None, "", [])}


def thaw(frozen: FrozenFilter) -> SystemEventQuerySet:
    """Return the events that a frozen filter matches."""
    query = QueryDict(mutable=True)
    for name, values in frozen.items():
        if name != SEARCH:
            query.setlist(name, values)
    events: SystemEventQuerySet = read_query(query).qs
    # Longer than one may type, where a name stands for many ids: not read as it was, but parsed.
    return events.filter(*(condition(parse(text)) for text in frozen.get(SEARCH, [])))


def _texts(value: Any) -> list[str]:
    """Write one cleaned value so that `read_query` reads it again; a search prints as itself."""
    match value:
        case list():
            return [str(item) for item in value]
        case bool():
            return [str(value).lower()]
        case datetime():
            return [value.isoformat()]
        case dict():
            return [json.dumps(value)]
        case _:
            return [str(value)]
