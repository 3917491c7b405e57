"""Pages over rows that are counted to a bound."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator

from events.reading.bounded_count import BoundedCount, bounded_count

# Django's paginator is generic in its type stubs only.
if TYPE_CHECKING:
    BasePaginator = Paginator[Any]
else:
    BasePaginator = Paginator


class BoundedPaginator(BasePaginator):
    """Pages over the rows it counted; a page number past them gives the last page."""

    @cached_property
    def bounded(self) -> BoundedCount:
        return bounded_count(self.object_list)

    @cached_property
    def count(self) -> int:
        return self.bounded.rows

    def seen(self, rows: int) -> None:
        """So many are there: more than counting found in its time."""
        if not self.bounded.exact and self.bounded.rows < rows:
            self.bounded = BoundedCount(rows, exact=False)

    def validate_number(self, number: Any) -> int:
        return min(max(int(number), 1), max(self.num_pages, 1))
