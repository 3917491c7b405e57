"""A search made independent of when it is read and of what devices and accounts are called."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from events.filters.subject_lookup import MATCHES_BOUND, accounts_named, devices_named
from events.times import read_time, written

from .error import SearchError
from .keys import NONE
from .parser import parse
from .query import Column, Search, Value

MAX_CHARACTERS = 2000
"""Of what is typed; normalised it may be longer, as a name may stand for many ids."""

MAX_NAMES = 20
"""Each is looked up by a query of its own."""

_NAMED: dict[str, Callable[[str], Sequence[Any]]] = {
    "device": devices_named,
    "account": accounts_named,
}


def read_search(text: str, *, now: datetime | None = None) -> Search:
    """Parse what was typed and normalise it as of `now`: its times absolute, its names ids.

    A time without an offset is one of the site's time zone. The result's text, parsed, is the
    same query. Asks the database when a device or an account is named. Raises `SearchError`.
    """
    query = parse(text)
    if len(text) > MAX_CHARACTERS:
        reason = f"A search has at most {MAX_CHARACTERS} characters."
        raise SearchError(reason, text, MAX_CHARACTERS)
    if len(names := list(_names(query))) > MAX_NAMES:
        reason = f"A search names at most {MAX_NAMES} devices and accounts."
        raise SearchError(reason, text, names[MAX_NAMES][1].position)
    moment = now or timezone.now()
    return Search(
        tuple(
            replace(term, what=_normalised(term.what, text, moment))
            if isinstance(term.what, Column)
            else term
            for term in query.terms
        )
    )


def named_subjects(text: str) -> set[str]:
    """Return which of device and account a search names: to read it asks the database for them."""
    try:
        return {key for key, _ in _names(parse(text))}
    except SearchError:
        return set()


def _names(query: Search) -> Iterator[tuple[str, Value]]:
    for term in query.terms:
        if isinstance(term.what, Column) and term.what.key in _NAMED:
            for value in term.what.values:
                if value.text != NONE and _uuid(value.text) is None:
                    yield term.what.key, value


def _normalised(column: Column, text: str, now: datetime) -> Column:
    found: list[str] = []
    for value in column.values:
        try:
            found += _normalised_values(column.key, value.text, now)
        except ValueError as error:
            raise SearchError(str(error), text, value.position) from None
    return Column(column.key, tuple(map(Value, dict.fromkeys(found))))


def _normalised_values(key: str, text: str, now: datetime) -> list[str]:
    if key in ("since", "until"):
        return [written(read_time(text, now=now))]
    if key in _NAMED:
        return _ids(key, text)
    return [text]


def _ids(key: str, text: str) -> list[str]:
    if text == NONE:
        return [NONE]
    if known := _uuid(text):
        return [str(known)]
    found = _NAMED[key](text)
    if not found:
        raise ValueError(f"There is no {key} of the name or id “{text}”.")
    if len(found) > MATCHES_BOUND:
        raise ValueError(f"“{text}” stands for more than {MATCHES_BOUND} names: type more of it.")
    return [str(row.pk) for row in found]


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
