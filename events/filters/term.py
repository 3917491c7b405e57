"""A condition on one column: what filters are made of."""

import json
from typing import Any, NamedTuple

from django.db.models import Q

TIMES = {"since": "gte", "until": "lt"}
"""What gives an end of a span of time, and the operator that it stands for."""


class Term(NamedTuple):
    """A condition on one column; `values` are alternatives where the operator is "in".

    Operators: "in" (None stands for NULL), "is" (of `resolved`: True or not), "gte", "lt", "lte",
    "holds" (text, in any case), "contains" (a JSON object, as text).
    """

    column: str
    operator: str
    values: tuple[Any, ...]

    def to_q(self) -> Q:
        """Return it as Django's condition."""
        match self:
            case Term("resolved", "is", (wanted,)):
                # A NULL is unresolved, as the specification's table allows one.
                return Q(resolved=True) if wanted else Q(resolved__is_not_true=True)
            case Term(column, "in", values):
                known = Q(**{f"{column}__in": [value for value in values if value is not None]})
                return known | Q(**{f"{column}__isnull": True}) if None in values else known
            case Term(column, "contains", (text,)):
                return Q(**{f"{column}__includes": json.loads(text)})
            case Term(column, operator, (value,)):
                return Q(**{f"{column}__{operator}": value})
        raise ValueError(f"{self!r} is no term of a filter")
