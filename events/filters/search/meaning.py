"""What a frozen search means, as a condition on `SystemEvent`: a pure function."""

import json
import operator
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

from django.db.models import Q

from . import lookups  # noqa: F401 - registers what the conditions below ask by
from .parser import is_number
from .query import Column, Context, Search, SearchTerm, Value, Words

COLUMNS = {
    "severity": "severity",
    "category": "category",
    "type": "event_type",
    "device": "device_id",
    "account": "account_id",
    "resolved_by": "resolved_by",
    "id": "id",
    "resolved": "resolved",
    "since": "timestamp",
    "until": "timestamp",
}
_LITERALS = {"true": True, "false": False, "null": None}


def condition(query: Search) -> Q:
    """Return the condition of a query that `read_search` or its frozen text gave."""
    return reduce(operator.and_, map(_condition_of_term, query.terms), Q())


def _condition_of_term(term: SearchTerm) -> Q:
    match term.what:
        case Words(text):
            found = Q(message__holds=text)
        case Column("resolved", (value,)):
            # Not by negation: a NULL is unresolved, and must not be both.
            return _resolved((value.text == "yes") is not term.negated)
        case Column(key, values):
            column, operator, given = condition_of_column(key, [value.text for value in values])
            found = Q(**{f"{column}__{operator}": given if operator == "in" else given[0]})
        case Context():
            found = _condition_of_context(term.what)
    return ~found if term.negated else found


def _resolved(wanted: bool) -> Q:
    return Q(resolved=True) if wanted else Q(resolved__is_not_true=True)


def condition_of_column(key: str, values: list[str]) -> tuple[str, str, tuple[Any, ...]]:
    """Return which column a key asks for, by which operator, and for which values."""
    if key in ("since", "until"):
        return COLUMNS[key], "gte" if key == "since" else "lt", (datetime.fromisoformat(values[0]),)
    read: Callable[[str], Any] = {"device": UUID, "account": UUID, "id": int}.get(key, str)
    return COLUMNS[key], "in", tuple(map(read, values))


def _condition_of_context(context: Context) -> Q:
    if context.operator == ":":
        wanted = (
            Q(context__contains=reduce(lambda inner, key: {key: inner}, context.path[::-1], scalar))
            for value in context.values
            for scalar in _scalars(value)
        )
        return reduce(operator.or_, wanted)
    # Strict: an array is not each of its items. What isn't a number is neither more nor less.
    path = "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in context.path)
    number = context.values[0].text
    return Q(context__satisfies=f"strict ${path} {context.operator} {number}")


def _scalars(value: Value) -> Iterator[Any]:
    """What a value may be in a context: a text, and unless quoted what JSON reads in it."""
    yield value.text
    if not value.is_text:
        if value.text in _LITERALS:
            yield _LITERALS[value.text]
        elif is_number(value.text):
            yield json.loads(value.text)
