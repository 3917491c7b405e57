"""Multiranges of ids as columns, and lookups that answer true or false."""

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.lookups import Lookup
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from sovi_events.following.position import MAX_ID

# Django's fields and lookups are generic in their type stubs only.
if TYPE_CHECKING:
    Field = models.Field[Multirange[int], Multirange[int]]
    BooleanLookup = Lookup[bool]
else:
    Field = models.Field
    BooleanLookup = Lookup


def ids_in(span: Range[int]) -> range:
    """Return the ids of one range: PostgreSQL keeps [first, end), and none at the last bigint."""
    assert span.lower is not None  # noqa: S101 - ids begin somewhere
    return range(span.lower, MAX_ID + 1 if span.upper is None else span.upper)


class BigIntegerMultirangeField(Field):
    """PostgreSQL's `int8multirange`: a set of ids, kept as ranges."""

    def db_type(self, connection: Any) -> str:
        return "int8multirange"


@BigIntegerMultirangeField.register_lookup
class ContainsId(BooleanLookup):
    """`ranges @> id`."""

    lookup_name = "contains"

    def get_prep_lookup(self) -> int:
        return int(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} @> %s::bigint", (*params, self.rhs)
