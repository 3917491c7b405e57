"""One transaction of a bulk job: some events changed, and the cursor moved past them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils import timezone

from events.filters.stored_filter import deserialise
from events.models import BulkJob, SystemEvent
from events.reading.raw_sql import read_rows
from events.reading.time_limit import time_limit

from .chunk_size import LOCK_SECONDS, STATEMENT_SECONDS, ChunkSize

# Their ranges are those that the index on them finds.
ACTED_ON = """
SELECT given.id FROM unnest(%(ids)s::bigint[]) AS given (id)
WHERE EXISTS (SELECT FROM event_actions
              WHERE id > %(action_id)s AND operation <> %(operation)s AND events @> given.id)
"""
HAS_BEEN_ACTED = """
SELECT EXISTS (SELECT FROM event_actions
               WHERE id > %(action_id)s AND operation <> %(operation)s)
"""


class ConcurrentlyActedOn(Exception):
    """Someone acted on an event after it was chosen and before it was locked."""


class Chunk(NamedTuple):
    """The job as the transaction left it; `is_full` where it held as many as it might."""

    job: BulkJob
    is_full: bool


def run_chunk(job_id: int, size: ChunkSize) -> Chunk:
    """Do one chunk of a job, or end it where it is through or was asked to stop.

    Raises `ConcurrentlyActedOn`, `TookTooLong`, and OperationalError where PostgreSQL broke a
    deadlock; nothing is changed then, and the same can be tried again.
    """
    with time_limit(STATEMENT_SECONDS, lock_seconds=LOCK_SECONDS):
        # Locked: two who believe to be its runner take turns, each from where the other came.
        job = BulkJob.objects.select_for_update().get(pk=job_id)
        if not job.is_open:
            return Chunk(job, is_full=False)
        if job.state == BulkJob.State.STOPPING:
            return Chunk(_end(job, BulkJob.State.STOPPED), is_full=False)
        if job.cursor >= job.last_id:
            return Chunk(_end(job, BulkJob.State.DONE), is_full=False)
        end = min(job.cursor + size.ids, job.last_id)
        chosen = list(
            deserialise(job.filters)
            .pending(job.action)
            .filter(pk__gt=job.cursor, pk__lte=end)
            .order_by("pk")
            .values_list("pk", flat=True)[: size.rows]
        )
        acted_on = _acted_on(job, chosen)
        changed = SystemEvent.objects.act(
            job.action,
            [event_id for event_id in chosen if event_id not in acted_on],
            by=job.by,
            reason=job.reason,
            operation=job.operation,
        )
        # Again, now that nobody else can act on them until this commits.
        if _acted_on(job, changed):
            raise ConcurrentlyActedOn
        is_full = len(chosen) == size.rows
        job.cursor = chosen[-1] if is_full else end
        job.changed += len(changed)
        job.left_alone += len(acted_on)
        job.state = BulkJob.State.RUNNING
        job.save(update_fields=["cursor", "changed", "left_alone", "state"])
        return Chunk(job, is_full)


def _end(job: BulkJob, state: BulkJob.State) -> BulkJob:
    job.state, job.finished_at = state, timezone.now()
    job.save(update_fields=["state", "finished_at"])
    return job


def _acted_on(job: BulkJob, ids: Sequence[int]) -> set[int]:
    """Those of the events on which someone has acted since the preview."""
    params: dict[str, Any] = {
        "ids": list(ids),
        "action_id": job.action_id,
        "operation": job.operation,
    }
    if not ids or read_rows(HAS_BEEN_ACTED, params) == [(False,)]:
        return set()
    return {event_id for (event_id,) in read_rows(ACTED_ON, params)}
