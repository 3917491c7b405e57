"""Who runs a job: who holds its advisory lock, on the connection that does the work.

So a runner that lost its connection, and with it the lock, can't commit any more either.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error

from events.reading.raw_sql import read_rows

SPACE = 0x736F7669  # "sovi": advisory locks are the whole database's

IS_HELD = """
SELECT EXISTS (SELECT FROM pg_locks
               WHERE locktype = 'advisory' AND classid = %s AND objid = %s AND objsubid = 2
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


@contextmanager
def advisory_lock(job_id: int) -> Iterator[bool]:
    """Hold the job's lock for the length of a block; False where another session has it."""
    got = _ask("SELECT pg_try_advisory_lock(%s, %s)", job_id)
    try:
        yield got
    finally:
        if got:
            with suppress(Error):  # gone with its connection
                _ask("SELECT pg_advisory_unlock(%s, %s)", job_id)


def is_held(job_id: int) -> bool:
    """Return whether any session runs the job."""
    return _ask(IS_HELD, job_id)


def _ask(statement: str, job_id: int) -> bool:
    [(answer,)] = read_rows(statement, [SPACE, job_id])
    return bool(answer)
