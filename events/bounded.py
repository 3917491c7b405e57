"""Numbers of rows that cost what is shown, never what the table holds."""

from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format

COUNT_BOUND = 10_000
"""Rows counted at most, so that a page's cost follows what it shows and never the table."""


@dataclass(frozen=True)
class BoundedCount:
    """A number of rows, exact up to a bound; as text "42" or, past it, "10,000+"."""

    rows: int
    exact: bool

    def __str__(self) -> str:
        number = number_format(self.rows, use_l10n=True, force_grouping=True)
        return number if self.exact else f"{number}+"


def bounded_count(queryset: Any, bound: int = COUNT_BOUND) -> BoundedCount:
    """Count the rows of a set, reading at most one more than `bound`."""
    rows = queryset.order_by()[: bound + 1].count()
    return BoundedCount(min(rows, bound), exact=rows <= bound)
