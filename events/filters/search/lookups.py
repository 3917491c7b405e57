"""What a search asks of a column that Django has no words for."""

import re
from typing import Any

from django.db import models
from django.db.models.fields.json import DataContains

from events.models.json import TolerantJSONField
from events.models.multirange import BooleanLookup

# A name whose digits tell it apart, alone or at the end: of "grind1724" this is "d1724".
_TELLING = re.compile(r"[^0-9]*([A-Za-z][0-9]{3,})")


@models.TextField.register_lookup
class Holds(BooleanLookup):
    """`column ILIKE '%text%'`, with nothing in the text special; a trigram index can serve it.

    Django's `icontains` compares `UPPER(column)`, which that index could not. Where the text ends
    with a name that its digits tell apart, the index is asked for these, and the rows for the text:
    to intersect them with what every such name has in common takes ten times as long.
    """

    lookup_name = "holds"

    def get_prep_lookup(self) -> str:
        return str(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        telling = _TELLING.fullmatch(self.rhs)
        if telling is None or telling[1] == self.rhs:
            return f"{column} ILIKE %s", (*params, _pattern(self.rhs))
        return (
            f"({column} ILIKE %s AND {column} || '' ILIKE %s)",
            (*params, _pattern(telling[1]), *params, _pattern(self.rhs)),
        )


def _pattern(text: str) -> str:
    return "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"


@TolerantJSONField.register_lookup
class Includes(DataContains):
    """`column @> value`, as Django's `contains`, but never by an index: see `context_index`."""

    lookup_name = "includes"

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        sql, params = super().as_postgresql(compiler, connection)
        return f"({sql}) IS TRUE", params


@TolerantJSONField.register_lookup
class Satisfies(BooleanLookup):
    """A jsonpath predicate that is true; what it can't decide is false, never NULL."""

    lookup_name = "satisfies"

    def get_prep_lookup(self) -> str:
        return str(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"coalesce({column} @@ %s::jsonpath, false)", (*params, self.rhs)
