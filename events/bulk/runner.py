"""Running a job, chunk by chunk, until it ends or its runner has to."""

import logging
import time
from collections.abc import Callable
from functools import partial

import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError
from django.utils import timezone

from events.models import BulkJob
from events.models.event import past_taken_ids
from events.reading.time_limit import TookTooLong
from sovi_events.storable import storable_message

from .advisory_lock import advisory_lock
from .chunk_size import ChunkSize
from .transaction import ConcurrentlyActedOn, run_chunk

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.01
"""After a chunk that was undone: who waits for its rows goes first. It has waited for theirs."""
PASSING = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
"""What undoes a chunk and not the next attempt at it."""

OnProgress = Callable[[BulkJob, float], object]
"""Takes the job after a transaction, and the seconds that this one took."""


def run(
    job_id: int,
    *,
    interrupted: Callable[[], bool] = lambda: False,
    on_progress: OnProgress = lambda job, seconds: None,
) -> BulkJob | None:
    """Run a job on this thread's connection; return it as it is left, None if another runs it.

    After every chunk it calls `on_progress`, and returns where `interrupted` says so: the job stays
    open then, for another runner. Raises OperationalError and InterfaceError when the connection
    fails; what else goes wrong is kept in the job.
    """
    with advisory_lock(job_id) as is_ours:
        if not is_ours:
            return None
        try:
            return _run(job_id, interrupted, on_progress)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("Bulk job %s failed", job_id)
            return _fail(job_id, error)


def _run(job_id: int, interrupted: Callable[[], bool], on_progress: OnProgress) -> BulkJob:
    size = ChunkSize()
    while True:
        began = time.perf_counter()
        try:
            job, is_full = past_taken_ids(partial(run_chunk, job_id, size), using=DEFAULT_DB_ALIAS)
        except ConcurrentlyActedOn:
            continue  # the next attempt knows of it
        except (TookTooLong, OperationalError) as error:
            if not isinstance(error, TookTooLong) and not isinstance(error.__cause__, PASSING):
                raise
            seconds = time.perf_counter() - began
            size.halve()
            time.sleep(PAUSE_SECONDS)
            job = BulkJob.objects.get(pk=job_id)
        else:
            seconds = time.perf_counter() - began
            size.adapt(seconds, is_full=is_full)
        on_progress(job, seconds)
        if not job.is_open or interrupted():
            return job


def _fail(job_id: int, error: Exception) -> BulkJob:
    BulkJob.objects.open().filter(pk=job_id).update(
        state=BulkJob.State.FAILED,
        error=storable_message(f"{type(error).__name__}: {error}"),
        finished_at=timezone.now(),
    )
    return BulkJob.objects.get(pk=job_id)
