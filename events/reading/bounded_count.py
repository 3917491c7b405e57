"""Numbers of rows that cost what is shown, never what the table holds."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format

from events.models.event import SystemEventQuerySet

from . import page
from .time_limit import TookTooLong, time_limit

COUNT_SECONDS = 0.15
FEW_ROWS = 100
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
    """Count the rows of a set, at most one more than `bound`, and not for long.

    Where that takes too long the answer is more than a few, or more than none.
    """
    for attempted in (bound, min(bound, FEW_ROWS)):
        with suppress(TookTooLong), time_limit(COUNT_SECONDS):
            rows = _count(queryset, attempted + 1)
            return BoundedCount(min(rows, attempted), exact=rows <= attempted)
    return BoundedCount(0, exact=False)


def _count(queryset: Any, bound: int) -> int:
    if isinstance(queryset, SystemEventQuerySet):
        return page.count(queryset, bound)
    return int(queryset.order_by("pk")[:bound].count())
