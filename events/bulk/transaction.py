"""One transaction of a bulk job: some events changed, and the cursor moved past them."""

from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.utils import timezone

from events.filters.stored_filter import deserialise
from events.models import BulkJob, SystemEvent
from events.reading.raw_sql import read_rows
from events.reading.time_limit import FROM_FIRST_ROWS, time_limit
from events.web.permissions import RESOLVE, VIEW
from sovi_events.statements import numbering

from .chunk_size import LOCK_SECONDS, STATEMENT_SECONDS, ChunkSize

# The index on messages keeps what is new in a list, and who finds it long merges it: a hundred
# milliseconds at 4 MB. A chunk merges a shorter one; of one that others left, it merges parts, so
# that a statement stopped meanwhile doesn't begin anew each time.
PLANNER = {**FROM_FIRST_ROWS, "gin_pending_list_limit": "1MB", "work_mem": "1MB"}

# Someone acting on events since the preview is rare: only then is each looked up. The ids stay
# text, as PostgreSQL writes them: as Python's objects they would take a tenth of a chunk's time.
CHOOSE = """
SELECT coalesce(array_agg(id) FILTER (WHERE NOT acted_on), '{{}}')::text,
       count(*), max(id), count(*) FILTER (WHERE acted_on), ({numbering})
FROM (
    SELECT pending.id, (
        SELECT EXISTS (SELECT FROM event_actions WHERE id > %s AND operation <> %s)
    ) AND EXISTS (
        SELECT FROM event_actions
        WHERE id > %s AND operation <> %s AND events @> pending.id
    ) AS acted_on
    FROM ({pending}) AS pending (id)
) AS chosen
"""
HAS_BEEN_ACTED_ON = """
SELECT EXISTS (
    SELECT FROM event_actions AS ours
    JOIN event_actions AS theirs ON theirs.events && ours.events
    WHERE ours.id = %s AND theirs.id > %s AND theirs.operation <> ours.operation
)
"""

RENUMBERED = (
    "The table was emptied, restored or rewritten since the preview, and ids may be others' now: "
    "make a new preview."
)


NOT_ALLOWED = (
    "The user in whose name it acts is inactive, gone, or may no longer resolve events: "
    "who may do so can let it go on in their own name."
)


class ConcurrentlyActedOn(Exception):
    """Someone acted on an event after it was chosen and before it was locked."""


class Chosen(NamedTuple):
    """Events to be changed, as text: all `rows` but those on which someone acted meanwhile."""

    ids: str
    rows: int
    last_id: int
    left_alone: int
    numbering: int


class Chunk(NamedTuple):
    """The job as the transaction left it; `is_full` where it held as many as it might."""

    job: BulkJob
    is_full: bool


def run_chunk(job_id: int, size: ChunkSize) -> Chunk:
    """Do one chunk of a job, or end it where it is through or was asked to stop.

    Raises `ConcurrentlyActedOn`, `TookTooLong`, and OperationalError where PostgreSQL broke a
    deadlock; nothing is changed then, and the same can be tried again.
    """
    with time_limit(STATEMENT_SECONDS, planner=PLANNER, lock_seconds=LOCK_SECONDS):
        # Locked: two who believe to be its runner take turns, each from where the other came.
        job = BulkJob.objects.select_for_update().get(pk=job_id)
        if not job.is_open:
            return Chunk(job, is_full=False)
        if job.state == BulkJob.State.STOPPING:
            return Chunk(_end(job, BulkJob.State.STOPPED), is_full=False)
        if job.cursor >= job.last_id:
            return Chunk(_end(job, BulkJob.State.DONE), is_full=False)
        if not _may_act(job):
            return Chunk(_end(job, BulkJob.State.FAILED, NOT_ALLOWED), is_full=False)
        end = min(job.cursor + size.ids, job.last_id)
        chosen = _choose(job, end, size.rows)
        if job.numbering not in (None, chosen.numbering):
            return Chunk(_end(job, BulkJob.State.FAILED, RENUMBERED), is_full=False)
        changed, action_id = SystemEvent.objects.act_on_many(
            job.action, chosen.ids, by=job.by, reason=job.reason, operation=job.operation
        )
        # Again, now that nobody else can act on them until this commits.
        if read_rows(HAS_BEEN_ACTED_ON, [action_id, job.action_id]) == [(True,)]:
            raise ConcurrentlyActedOn
        is_full = chosen.rows == size.rows
        job.cursor = chosen.last_id if is_full else end
        job.changed += changed
        job.left_alone += chosen.left_alone
        job.state = BulkJob.State.RUNNING
        job.save(update_fields=["cursor", "changed", "left_alone", "state"])
        return Chunk(job, is_full)


def _may_act(job: BulkJob) -> bool:
    """Whether the user in whose name it acts still may; who has a shell here always may."""
    if job.user_id is None:
        return True
    user = get_user_model()._default_manager.filter(pk=job.user_id).first()
    return user is not None and user.has_perms((VIEW, RESOLVE))


def _end(job: BulkJob, state: BulkJob.State, error: str | None = None) -> BulkJob:
    job.state, job.finished_at, job.error = state, timezone.now(), error
    job.save(update_fields=["state", "finished_at", "error"])
    return job


def _choose(job: BulkJob, end: int, rows: int) -> Chosen:
    """Return the next events of the job, so many at most and with ids up to `end`."""
    pending = deserialise(job.filters).pending(job.action).filter(pk__gt=job.cursor, pk__lte=end)
    ids = pending.order_by("pk").values_list("pk")[:rows]
    sql, params = ids.query.sql_with_params()
    since = [job.action_id, job.operation] * 2
    statement = CHOOSE.format(pending=sql, numbering=numbering("system_events"))
    [found] = read_rows(statement, [*since, *params])
    return Chosen(*found)
