"""Stretches of a period in which nothing was heard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .period import Period

SHARE = 12
"""A silence is at least this part of the period."""


@dataclass(frozen=True)
class Silence:
    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        return self.until - self.since


def silences(instants: Sequence[datetime], period: Period) -> list[Silence]:
    """The silences of a period with events at these instants, in order; at most `SHARE`.

    Where one is of a clock that is ahead, nobody knows when the subject was heard last.
    """
    least = (period.until - period.since) / SHARE
    inside = sorted(instant for instant in instants if instant < period.until)
    end = [period.until] if len(inside) == len(instants) else []
    edges = pairwise([period.since, *inside, *end])
    return [Silence(since, until) for since, until in edges if until - since >= least]
