"""The query string of a list: read into filters, or refused parameter by parameter."""

from collections.abc import Iterable

from django.http import QueryDict

from events.models.event import SystemEventQuerySet
from events.times import with_offset

from .filterset import EventFilterSet
from .search.error import SearchError
from .search.parser import parse
from .search.query import Column, quoted

TIMES = {"since", "until"}
"""The parameters, and the keys of a search, that hold times."""
IGNORED = {"_"}
"""Parameters that clients add to addresses by themselves: jQuery's, to go around caches."""


class InvalidQuery(ValueError):
    """A query string that was refused; `errors` lists the reasons by parameter."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors

    @property
    def lines(self) -> list[str]:
        """Each reason after its parameter, for a page."""
        return [f"{name}: {reason}" for name, reasons in self.errors.items() for reason in reasons]


def read_query(
    query: QueryDict,
    queryset: SystemEventQuerySet | None = None,
    *,
    also: Iterable[str] = (),
    without: Iterable[str] = (),
) -> EventFilterSet:
    """Return the filters that `query` asks for, checked; its `qs` are the events they match.

    `also` names the parameters that the caller reads itself, `without` the filters that make no
    sense there. Raises `InvalidQuery` for a malformed value, a parameter that nobody knows, and one
    given twice that takes a single value.
    """
    known = [name for name in EventFilterSet.parameters() if name not in set(without)]
    known += also
    filterset = EventFilterSet(query, queryset)
    errors = {
        name: [str(reason) for reason in reasons] for name, reasons in filterset.errors.items()
    }
    for name in query:
        if name in known and len(query.getlist(name)) > 1 and not filterset.takes_several(name):
            errors[name] = ["Give this parameter once."]
    errors |= _unknown_parameters(query, known)
    if errors:
        raise InvalidQuery(errors)
    return filterset


def with_offsets(query: QueryDict) -> QueryDict:
    """Return a copy that means the same in every zone: times typed without an offset have theirs.

    How long ago stays how long ago, whenever it is read.
    """
    query = query.copy()
    for name in TIMES & query.keys():
        query.setlist(name, [with_offset(text) for text in query.getlist(name)])
    if "q" in query:
        query.setlist("q", [_search_with_offsets(text) for text in query.getlist("q")])
    return query


def _search_with_offsets(text: str) -> str:
    try:
        columns = [term.what for term in parse(text).terms if isinstance(term.what, Column)]
    except SearchError:
        return text
    for value in reversed(
        [it for column in columns if column.key in TIMES for it in column.values]
    ):
        before, after = text[: value.position], text[value.position :]
        typed = quoted(value.text) if after.startswith('"') else value.text
        text = before + with_offset(value.text) + after.removeprefix(typed)
    return text


def refuse_parameters(query: QueryDict) -> None:
    """Raise `InvalidQuery` where there are parameters though none is known."""
    if errors := _unknown_parameters(query, []):
        raise InvalidQuery(errors)


def _unknown_parameters(query: QueryDict, known: list[str]) -> dict[str, list[str]]:
    known_ones = f"Known ones: {', '.join(known)}." if known else "None is known here."
    return {
        name: [f"Unknown parameter. {known_ones}"]
        for name in query
        if name not in known and name not in IGNORED
    }
