"""Which events are meant: a value, made of the list's parameters and of a search."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from operator import and_
from typing import Any, Self
from urllib.parse import urlencode

from django.apps import apps
from django.db.models import Q

from events.filters.search.keys import KEYS, read_subject_id
from events.filters.search.keys import NONE as NONE
from events.filters.search.meaning import condition, objects_of, term_of
from events.filters.search.parser import parse
from events.filters.search.query import Column, Search
from sovi_events import index_scan

from .term import TIMES, Term


@dataclass(frozen=True, eq=False)
class EventFilter:
    """A conjunction of terms, those of parameters and those at a search's top level alike.

    `residue` is the rest of the search: what is negated, or asks for a path of the context. Names
    are ids and times absolute before it is made: it asks nothing, and means the same whenever it is
    read. Two that ask for the same are equal.
    """

    parameters: tuple[Term, ...] = ()
    search: Search = Search()

    @classmethod
    def where(cls, **columns: Any) -> Self:
        """Make one of columns: a value or a list of them (None for NULL); `resolved` is a bool."""
        return cls(tuple(_term(column, value) for column, value in columns.items()))

    @classmethod
    def of(cls, cleaned: Mapping[str, Any]) -> Self:
        """Make one of the list's parameters, as `EventFilterSet` cleaned them."""
        given = {name: it for name, it in cleaned.items() if it not in (None, "", [], {})}
        search = given.pop("q", Search())
        return cls(tuple(_term(name, value) for name, value in given.items()), search)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        return (*self.parameters, *(term for term, _ in self._search_terms if term))

    @cached_property
    def residue(self) -> Search:
        return Search(tuple(given for term, given in self._search_terms if not term))

    @cached_property
    def equal(self) -> dict[str, Sequence[Any]]:
        """Columns of which each must hold one of its values, for an index to serve.

        A second term of a column, and one that takes NULL, is left to be checked row by row.
        """
        found: dict[str, Sequence[Any]] = {}
        for column, operator, values in self.terms:
            if operator == "in" and column in index_scan.TYPES and None not in values:
                found.setdefault(column, values)
        return found

    @property
    def contained(self) -> list[list[Any]]:
        """Objects for an index to look up: the context contains at least one of each list."""
        given = [[json.loads(it.values[0])] for it in self.terms if it.operator == "contains"]
        given += filter(None, map(objects_of, self.residue.terms))
        return [objects for objects in given if all(map(_has_scalar, objects))]

    @property
    def resolved(self) -> bool | None:
        return next((term.values[0] for term in self.terms if term.operator == "is"), None)

    def asks_for(self, column: str) -> bool:
        return any(term.column == column for term in self.terms)

    def on(self, *columns: str) -> Self:
        """Return the part that asks for these columns."""
        return type(self)(tuple(term for term in self.terms if term.column in columns))

    def split(self, column: str) -> tuple[dict[str, Any], Self]:
        """Return the values of the column's parameters by operator, and the filter without them."""
        values = {
            term.operator: term.values[0] for term in self.parameters if term.column == column
        }
        return values, self.without_parameters(column)

    def without_parameters(self, *columns: str) -> Self:
        """Return the filter without the parameters of these columns; the search stays."""
        kept = tuple(term for term in self.parameters if term.column not in columns)
        return type(self)(kept, self.search)

    def without(self, *columns: str) -> Self:
        """Return what is asked for besides these columns, negated terms included."""
        kept = tuple(term for term in self.parameters if term.column not in columns)
        searched = (
            term
            for term in self.search.terms
            if not (isinstance(term.what, Column) and KEYS[term.what.key].column in columns)
        )
        return type(self)(kept, Search(tuple(searched)))

    def to_q(self) -> Q:
        """Return it as Django's condition."""
        conditions = [*(term.to_q() for term in self.terms), condition(self.residue)]
        return reduce(and_, conditions, Q())

    def to_sql(self) -> index_scan.Statement:
        """Return the statement that answers the ids of all that match, in no order."""
        events = apps.get_model("events", "SystemEvent").objects.matching(self)
        sql, params = events.order_by().values_list("pk").query.sql_with_params()
        return sql, list(params)

    def to_json(self) -> dict[str, list[str]]:
        """Return the list's parameters with their values, as texts: version 1, the first.

        A later version says which it is under `version`.
        """
        texts: dict[str, list[str]] = {}
        for term in self.parameters:
            texts.setdefault(_parameter(term), []).extend(map(_text, term.values))
        return texts | ({"q": [str(self.search)]} if self.search.terms else {})

    def to_query_string(self, **others: str) -> str:
        """Return the list's parameters as in an address, with other parameters in their place."""
        return urlencode({**self.to_json(), **others}, doseq=True)

    @classmethod
    def from_json(cls, stored: Mapping[str, Sequence[str]]) -> Self:
        """Read what `to_json` wrote. Raises ValueError for what it could not have written."""
        terms = [_read(name, texts) for name, texts in stored.items() if name != "q"]
        # Longer than one may type, where a name stands for many ids: not read, but parsed.
        searches = [parse(text, is_stored=True).terms for text in stored.get("q", [])]
        return cls(tuple(terms), Search(tuple(term for found in searches for term in found)))

    def __and__(self, other: "EventFilter") -> "EventFilter":
        both = Search((*self.search.terms, *other.search.terms))
        return EventFilter((*self.parameters, *other.parameters), both)

    def __bool__(self) -> bool:
        return bool(self.terms or self.residue.terms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EventFilter) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[frozenset[Any], frozenset[Any]]:
        terms = ((column, operator, frozenset(them)) for column, operator, them in self.terms)
        return frozenset(terms), frozenset(self.residue.terms)

    @cached_property
    def _search_terms(self) -> list[tuple[Term | None, Any]]:
        return [(term_of(term), term) for term in self.search.terms]


def _has_scalar(value: Any) -> bool:
    """Whether there is anything to look up: of an empty object or array there is not."""
    match value:
        case dict():
            return any(map(_has_scalar, value.values()))
        case list():
            return any(map(_has_scalar, value))
    return True


_SINGLE = {
    **{name: ("timestamp", operator) for name, operator in TIMES.items()},
    "max_id": ("id", "lte"),
    "resolved": ("resolved", "is"),
    "context": ("context", "contains"),
}
"""Parameters that hold one value, with their column and operator."""


def _term(name: str, value: Any) -> Term:
    """Make the term of a parameter, or of a column and what it holds."""
    if name in _SINGLE:
        return Term(*_SINGLE[name], (json.dumps(value) if name == "context" else value,))
    values = value if isinstance(value, list | tuple) else [value]
    if name in ("device_id", "account_id"):
        values = [None if it == NONE else it for it in values]
    return Term(name, "in", tuple(values))


def _parameter(term: Term) -> str:
    names = {it: name for name, it in _SINGLE.items()}
    return names.get((term.column, term.operator), term.column)


def _text(value: Any) -> str:
    match value:
        case None:
            return NONE
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
    return str(value)


_READ: dict[str, Callable[[str], Any]] = {
    "since": datetime.fromisoformat,
    "until": datetime.fromisoformat,
    "max_id": int,
    "resolved": lambda text: text == "true",
    "device_id": read_subject_id,
    "account_id": read_subject_id,
}


def _read(name: str, texts: Sequence[str]) -> Term:
    if name not in _SINGLE and name not in index_scan.TYPES:
        raise ValueError(f"A filter stored by another version: {name!r} is none of its parameters.")
    column, operator = _SINGLE.get(name, (name, "in"))
    return Term(column, operator, tuple(map(_READ.get(name, str), texts)))
