"""The query string of a list: read into filters, or refused parameter by parameter."""

from collections.abc import Iterable

from django.http import QueryDict

from events.models.event import SystemEventQuerySet

from .filterset import EventFilterSet


class InvalidQuery(ValueError):
    """A query string that was refused; `errors` lists the reasons by parameter."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(errors)
        self.errors = errors


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


def refuse_parameters(query: QueryDict) -> None:
    """Raise `InvalidQuery` where there are parameters though none is known."""
    if errors := _unknown_parameters(query, []):
        raise InvalidQuery(errors)


def _unknown_parameters(query: QueryDict, known: list[str]) -> dict[str, list[str]]:
    known_ones = f"Known ones: {', '.join(known)}." if known else "None is known here."
    return {name: [f"Unknown parameter. {known_ones}"] for name in query if name not in known}
