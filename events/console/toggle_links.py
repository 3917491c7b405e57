"""Filters of a page that are turned on and off by links."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import QueryDict


def choices(query: QueryDict, name: str, known: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each value of a parameter, whether it is asked for, and the query that turns it round.

    The known values come first, in their order; then those given that aren't.
    """
    given = [value for text in query.getlist(name) for value in text.split(",") if value]
    for value in dict.fromkeys([*known, *given]):
        selected = value in given
        after = query.copy()
        rest = [other for other in given if other != value]
        after.setlist(name, rest if selected else [*given, value])
        yield {"value": value, "selected": selected, "query": after.urlencode()}
