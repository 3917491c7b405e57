"""How many events fall into each bucket, by what they are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, Func, IntegerField, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce

from events.models import EventRollup
from events.models.event import SystemEventQuerySet
from events.reading.raw_sql import read_rows
from events.reading.time_limit import time_limit
from events.statistics.rollups.rolling import read_mark, read_progress, roll_up

from .buckets import Buckets
from .rollups import statements as rollups

TIMEOUT_SECONDS = 2
MAX_GROUPS = 20
COLUMNS = {
    "severity": "severity",
    "category": "category",
    "event_type": "event_type",
    "device": "device_id",
}
"""What events are counted by, and the column that holds it."""

ROLL_UP_ROWS = 5_000
ROLL_UP_SECONDS = 0.1
WRITERS_SECONDS = 0.05
"""A question rolls up what has gathered since the last one, from so many events on."""

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_KIND = {"severity", "category", "event_type"}
_DEVICE = {"severity", "device_id"}

# One statement, so that both halves are of one moment. A literal mark lets the planner see how
# short the tail is; the one of that moment, which may have moved on, decides what belongs to it.
_COUNT = """
WITH mark (event_id) AS MATERIALIZED ({mark}), counted AS (
    SELECT bucket, value, sum(events) AS events FROM (
        {rolled}
        SELECT * FROM ({tail}) AS tail (bucket, value, events)
    ) AS part GROUP BY bucket, value
), ranked AS (
    SELECT value, row_number() OVER (ORDER BY sum(events) DESC, value) AS place
    FROM counted GROUP BY value
)
SELECT mark.event_id, found.* FROM mark LEFT JOIN (
    SELECT CASE WHEN place <= {groups} THEN place END AS place,
           min(CASE WHEN place <= {groups} THEN value END), (SELECT count(*) FROM ranked),
           bucket, sum(events)::bigint
    FROM counted JOIN ranked USING (value) GROUP BY 1, bucket
) AS found ON true
ORDER BY found.place
"""
_MARK_OF_THE_MOMENT = RawSQL("SELECT event_id FROM mark", [])  # noqa: S611 - a constant
_ROLLED = "SELECT * FROM ({sql}) AS rolled (bucket, value, events) UNION ALL"


@dataclass
class Group:
    """Events of one value, None for those without: how many in each bucket."""

    value: str | None
    counts: list[int]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass
class Statistics:
    """The largest groups, the largest first; all `other_values` together in `others`."""

    groups: list[Group] = field(default_factory=list)
    others: Group | None = None
    other_values: int = 0

    @property
    def all_groups(self) -> list[Group]:
        return [*self.groups, self.others] if self.others else self.groups

    @property
    def total(self) -> int:
        return sum(group.total for group in self.all_groups)


@dataclass(frozen=True)
class Question:
    """How many of `events` fall into each of the buckets, by one of `COLUMNS`."""

    events: SystemEventQuerySet
    by: str
    buckets: Buckets

    @property
    def column(self) -> str:
        return COLUMNS[self.by]

    @property
    def rollups(self) -> QuerySet[EventRollup] | None:
        """Those that answer it, of the largest slots that fit into the buckets; None without."""
        asked = self.events.event_filter
        columns = {self.column, *asked.equal}
        # They know values alone, and not all columns at once.
        if len(asked.equal) < len(asked.terms) or asked.residue.terms:
            return None
        if not (columns <= _KIND or columns <= _DEVICE):
            return None
        for grain in rollups.GRAINS:
            if not any((edge - _EPOCH) % timedelta(minutes=grain) for edge in self.buckets.edges):
                return EventRollup.objects.filter(
                    grain=grain,
                    by_device=not columns <= _KIND,
                    slot__gte=self.buckets.since,
                    slot__lt=self.buckets.end,
                    **{f"{column}__in": values for column, values in asked.equal.items()},
                )
        return None


def count(question: Question) -> Statistics:
    """Count, from the rollups and what lies behind their mark, or all from the events.

    Raises `TookTooLong` after `TIMEOUT_SECONDS`.
    """
    rolled = question.rollups
    if rolled is None:
        return _read(question, question.events, "SELECT 0::bigint", "", ())[1]
    valued = _valued(rolled, "slot", question).values("bucket", "value", "events")
    sql, params = valued.query.sql_with_params()
    mark = _roll_up_a_little()
    while True:
        behind = question.events.filter(id__gt=mark).filter(id__gt=_MARK_OF_THE_MOMENT)
        at, found = _read(question, behind, rollups.MARK, _ROLLED.format(sql=sql), params)
        if at >= mark:
            return found
        mark = read_mark()  # someone has started over in between


def _read(
    question: Question,
    events: SystemEventQuerySet,
    mark: str,
    rolled: str,
    rolled_params: Sequence[Any],
) -> tuple[int, Statistics]:
    """Return the mark of the moment, and what was counted."""
    inside = events.filter(
        timestamp__gte=question.buckets.since, timestamp__lt=question.buckets.end
    ).order_by()
    tail = _valued(inside, "timestamp", question).values("bucket", "value")
    sql, params = tail.annotate(number=Count("*")).query.sql_with_params()
    statement = _COUNT.format(mark=mark, rolled=rolled, tail=sql, groups=MAX_GROUPS)
    with time_limit(TIMEOUT_SECONDS, planner={"jit": "off"}):
        rows = read_rows(statement, [*rolled_params, *params])
    return rows[0][0], _statistics(rows, question)


def _statistics(rows: Sequence[Sequence[Any]], question: Question) -> Statistics:
    found = Statistics()
    groups: dict[int | None, Group] = {}
    for _, place, value, values, bucket, events in rows:
        if bucket is None:  # nothing was counted at all
            return found
        # Only of devices, text is made of what may be NULL.
        shown = None if question.by == "device" and not value else value
        group = groups.setdefault(place, Group(shown, [0] * len(question.buckets.starts)))
        group.counts[bucket - 1] = events
        found.other_values = max(values - MAX_GROUPS, 0)
    found.others = groups.pop(None, None)
    found.groups = list(groups.values())
    return found


def _valued(rows: Any, time_column: str, question: Question) -> Any:
    """Annotate rows with the number of their bucket, from 1, and the value they count for."""
    value: Any = Cast(F(question.column), TextField())
    return rows.annotate(
        bucket=_BucketOf(F(time_column), Value([*question.buckets.starts])),
        value=Coalesce(value, Value("", TextField())) if question.by == "device" else value,
    )


class _BucketOf(Func):
    function = "width_bucket"
    template = "%(function)s(%(expressions)s::timestamptz[])"
    output_field = IntegerField()


def _roll_up_a_little() -> int:
    """Take in what has gathered, for a while; return up to which id events are rolled up."""
    mark, ids_behind = read_progress()
    if ids_behind < ROLL_UP_ROWS:
        return mark
    began = time.monotonic()
    for _ in roll_up(at_least=ROLL_UP_ROWS, waits=False, wait_seconds=WRITERS_SECONDS):
        if time.monotonic() - began > ROLL_UP_SECONDS:
            break
    return read_mark()
