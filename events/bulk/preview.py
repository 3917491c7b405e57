"""What a bulk action would do, counted before it is done and within seconds."""

import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from events.filters.stored_filter import StoredFilter, deserialise
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.prerequisites import why_not_settled
from events.reading import page
from events.reading.bounded_count import COUNT_BOUND
from events.reading.context_index import few_by_context
from events.reading.raw_sql import read_rows
from events.reading.time_limit import TookTooLong, statement_limit, time_limit
from sovi_events import statements
from sovi_events.following.settled import read_horizon

from .estimate import estimate

TIMEOUT_SECONDS = 1.0
"""Of each of the seven questions that a preview asks at most."""
WAIT_SECONDS = 1.0
"""For open transactions, such as a chunk of another job, to end."""
SAMPLE_ROWS = 10

BEFORE = f"""
SELECT ({statements.newest_id("event_actions")}), ({statements.numbering("system_events")})
"""  # noqa: S608

COUNT_OF = """
SELECT severity, count(*) FROM ({some}) AS counted (severity)
GROUP BY severity ORDER BY count(*) DESC, severity
"""


@dataclass(frozen=True)
class Total:
    """How many events, in all and by severity (the most first): counted, or else estimated."""

    rows: int
    by_severity: dict[str, int]
    exact: bool

    def __str__(self) -> str:
        return self.shown(self.rows)

    def shown(self, rows: int) -> str:
        """Return a number of events as text, which says so where it is an estimate."""
        if self.exact:
            return number_format(rows, use_l10n=True, force_grouping=True)
        digits = max(len(str(rows)) - 2, 0)  # two figures are all that a sample tells
        rounded = number_format(round(rows, -digits), use_l10n=True, force_grouping=True)
        return _("about %(count)s") % {"count": rounded}


@dataclass(frozen=True)
class Preview:
    """What `action` would change at `moment`: what of the filter's events is not so already.

    It ends at `last_id`, which is settled: nothing will appear below. `left_out` says why newer
    events are left out, if any are. `sample`
    holds the newest, None where finding them took too long; `oldest` likewise. `action_id` is the
    last action known, `first_id` at or below the first event, `numbering` that of the ids.
    """

    action: str
    filters: StoredFilter
    moment: datetime
    first_id: int
    last_id: int
    action_id: int
    numbering: int
    left_out: str
    extent: Total
    sample: list[SystemEvent] | None
    oldest: SystemEvent | None
    operation: uuid.UUID = field(default_factory=uuid.uuid4)

    @property
    def complete(self) -> bool:
        return not self.left_out

    @property
    def newest(self) -> SystemEvent | None:
        return self.sample[0] if self.sample else None


def preview(action: str, filters: StoredFilter, *, max_id: int | None = None) -> Preview:
    """Look at what "resolve" or "reopen" would change, up to `max_id` at most.

    Raises `TookTooLong` where not even an estimate could be made in time.
    """
    moment = timezone.now()
    with statement_limit(TIMEOUT_SECONDS):
        # Before the horizon: it waits until all is visible that was done under these ids.
        [(action_id, numbering)] = read_rows(BEFORE)
        horizon = read_horizon(read_rows, wait_seconds=WAIT_SECONDS)
    last_id = horizon.id if max_id is None else min(horizon.id, max_id)
    events = deserialise(filters).pending(action).filter(pk__lte=last_id)
    sample: list[SystemEvent] | None = None
    oldest: SystemEvent | None = None
    with suppress(TookTooLong), time_limit(TIMEOUT_SECONDS):
        sample = list(page.read(events.select_related("device", "account"), SAMPLE_ROWS))
    if sample:
        with suppress(TookTooLong), time_limit(TIMEOUT_SECONDS):
            lowest = page.read(events.select_related("device", "account"), 1, ascending=True)
            oldest = next(iter(lowest), None)
        last_id = min(last_id, sample[0].pk)
    first_id = oldest.pk if oldest else _first_id()
    extent = _extent({}, exact=True) if sample == [] else measure(events, first_id, last_id)
    return Preview(
        action=action,
        filters=filters,
        moment=moment,
        first_id=first_id,
        last_id=last_id,
        action_id=action_id,
        numbering=numbering,
        left_out="" if horizon.complete else why_not_settled(read_rows),
        extent=extent,
        sample=sample,
        oldest=oldest,
    )


def measure(events: SystemEventQuerySet, first_id: int, last_id: int) -> Total:
    """Count those of a range up to `COUNT_BOUND`, estimate more; raise `TookTooLong`."""
    at_least = 0
    with suppress(TookTooLong), time_limit(TIMEOUT_SECONDS):
        few = few_by_context(events)
        some = (events if few is None else few).order_by().values_list("severity")
        sql, params = some[: COUNT_BOUND + 1].query.sql_with_params()
        counted = _extent(dict(read_rows(COUNT_OF.format(some=sql), params)), exact=True)
        if counted.rows <= COUNT_BOUND:
            return counted
        at_least = counted.rows
    with time_limit(TIMEOUT_SECONDS):
        estimated = _extent(estimate(events, first_id, last_id), exact=False)
    return replace(estimated, rows=max(estimated.rows, at_least))


def _extent(by_severity: dict[str, int], *, exact: bool) -> Total:
    return Total(sum(by_severity.values()), by_severity, exact)


def _first_id() -> int:
    [[first]] = read_rows("SELECT coalesce(min(id), 0) FROM system_events")
    return int(first)
