"""What a normalised search means, as terms and as a condition on `SystemEvent`: pure functions."""

import json
import operator
from collections.abc import Iterator
from functools import reduce
from typing import Any

from django.db.models import Q

from events.filters.term import TIMES, Term

from . import lookups  # noqa: F401 - registers what the conditions below ask by
from .keys import KEYS
from .parser import is_number
from .query import Column, Context, Search, SearchTerm, Value, Words

_LITERALS = {"true": True, "false": False, "null": None}


def condition(query: Search) -> Q:
    """Return the condition of a query that `read_search` or its normalised text gave."""
    return reduce(operator.and_, map(_condition_of_term, query.terms), Q())


def term_of(given: SearchTerm) -> Term | None:
    """Return what is asked of one column; None where it is negated, or of the context."""
    match given.what:
        case Column("resolved", (value,)):
            # Not by negation: a NULL is unresolved, and must not be both.
            return Term("resolved", "is", ((value.text == "yes") is not given.negated,))
        case Words(text) if not given.negated:
            return Term("message", "holds", (text,))
        case Column(name, values) if not given.negated:
            key = KEYS[name]
            found = tuple(key.value(value.text) for value in values)
            return Term(key.column, TIMES.get(name, "in"), found)
    return None


def _condition_of_term(given: SearchTerm) -> Q:
    if term := term_of(given):
        return term.to_q()
    if isinstance(given.what, Context) and not given.negated:
        return _condition_of_context(given.what)
    return ~_condition_of_term(SearchTerm(given.what))


def _condition_of_context(context: Context) -> Q:
    if context.operator == ":":
        return reduce(operator.or_, (Q(context__includes=it) for it in _objects(context)))
    # Strict: an array is not each of its items. What isn't a number is neither more nor less.
    path = "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in context.path)
    number = context.values[0].text
    return Q(context__satisfies=f"strict ${path} {context.operator} {number}")


def objects_of(given: SearchTerm) -> list[Any]:
    """Return the objects of which the context must contain one; none where it asks for no such."""
    context = given.what
    if isinstance(context, Context) and context.operator == ":" and not given.negated:
        return list(_objects(context))
    return []


def _objects(context: Context) -> Iterator[Any]:
    for value in context.values:
        for scalar in _scalars(value):
            yield reduce(lambda inner, key: {key: inner}, context.path[::-1], scalar)


def _scalars(value: Value) -> Iterator[Any]:
    """What a value may be in a context: a text, and unless quoted what JSON reads in it."""
    yield value.text
    if not value.is_text:
        if value.text in _LITERALS:
            yield _LITERALS[value.text]
        elif is_number(value.text):
            yield json.loads(value.text)
