"""What a set of events is filtered by, read from its query."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In
from django.db.models.sql.where import AND, WhereNode

from events.models.event import IsNotTrue, SystemEventQuerySet
from sovi_events import index_scan


class Conditions(NamedTuple):
    """Conditions that must all hold; `others` are the rest, by the name of their column."""

    equal: dict[str, list[Any]]
    resolved: bool | None
    others: dict[str, list[Any]]

    @classmethod
    def of(cls, events: SystemEventQuerySet) -> "Conditions":
        """Read them; where alternatives are joined, all is one condition of no column."""
        where = events.query.where
        if where.connector != AND or where.negated:
            return cls({}, None, {"": [where]})
        equal: dict[str, list[Any]] = {}
        others: dict[str, list[Any]] = {}
        resolved: bool | None = None
        lookup: Any
        for lookup in _lookups(where):
            column = _column(lookup)
            match lookup:
                case IsNotTrue() if column == "resolved" and resolved is None:
                    resolved = not lookup.rhs
                case Exact(rhs=bool(rhs)) if column == "resolved" and resolved is None:
                    resolved = rhs
                case In() | Exact() if (
                    _is_given(lookup) and column in index_scan.TYPES.keys() - equal
                ):
                    equal[column] = list(lookup.rhs) if isinstance(lookup, In) else [lookup.rhs]
                case _:
                    others.setdefault(column, []).append(lookup)
        return cls(equal, resolved, others)


def _lookups(where: Any) -> Iterator[Any]:
    for child in where.children:
        if isinstance(child, WhereNode) and child.connector == AND and not child.negated:
            yield from _lookups(child)
        else:
            yield child


def _column(lookup: Any) -> str:
    compared = getattr(lookup, "lhs", None)
    return str(compared.target.column) if isinstance(compared, Col) else ""


def _is_given(lookup: Any) -> bool:
    """Whether values are compared with, not what PostgreSQL would compute."""
    return not hasattr(lookup.rhs, "as_sql")
