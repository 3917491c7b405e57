from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.utils.formats import number_format

COUNT_BOUND = 10_000
"""Rows counted at most, so that a list's cost follows its page and never the table."""

# Django's paginator is generic in its type stubs only.
if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator


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


class BoundedPaginator(BasePaginator):
    """Pages over the rows it counted; a page number past them gives the last page."""

    @cached_property
    def bounded(self) -> BoundedCount:
        return bounded_count(self.object_list)

    @cached_property
    def count(self) -> int:
        return self.bounded.rows

    def validate_number(self, number: Any) -> int:
        return min(max(int(number), 1), max(self.num_pages, 1))
