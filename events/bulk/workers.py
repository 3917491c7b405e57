"""The threads of this process that run jobs: those confirmed here, and those that lost theirs."""

import logging
import threading
import time

from django.db import Error, InterfaceError, OperationalError, connections, transaction

from events.models import BulkJob

from .advisory_lock import is_held
from .runner import run

logger = logging.getLogger(__name__)

MAX_THREADS = 4
CLOSE_SECONDS = 2.0


class Workers:
    """Some threads, started when there is a job to run, gone when there is none left.

    Each has a connection of its own.
    """

    def __init__(self, limit: int = MAX_THREADS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._closing = threading.Event()
        self._news = False

    def run_pending(self) -> None:
        """Look for jobs that nobody runs, and run them."""
        with self._lock:
            if self._closing.is_set():
                return
            if len(self._threads) == self._limit:
                self._news = True
                return
            thread = threading.Thread(target=self._work, name="bulk jobs", daemon=True)
            self._threads.add(thread)
            thread.start()

    def watch(self, interval_seconds: float) -> None:
        """Until `close`, look every so often for jobs whose runner died elsewhere."""

        def look() -> None:
            while not self._closing.is_set():
                self.run_pending()
                self._closing.wait(interval_seconds)

        threading.Thread(target=look, name="bulk jobs' watch", daemon=True).start()

    def close(self) -> None:
        """Let the threads end after the chunks they are at; their jobs stay open for others."""
        self._closing.set()
        self.wait(CLOSE_SECONDS)

    def wait(self, timeout_seconds: float) -> None:
        """Wait until the threads have ended."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        looking = True
        while looking:
            ran = self._run_orphans()
            # Under the lock, so that `run_pending` doesn't count on a thread that is about to end.
            with self._lock:
                looking = (ran or self._news) and not self._closing.is_set()
                self._news = False
                if not looking:
                    self._threads.discard(threading.current_thread())

    def _run_orphans(self) -> bool:
        """Run the jobs that nobody runs; return whether there was one to run here."""
        ran = False
        try:
            for job_id in find_orphans():
                if not self._closing.is_set():
                    ran = self._run(job_id) or ran
        except Error as error:
            logger.warning("Can't look for bulk jobs: %s", error)
        finally:
            connections.close_all()
        return ran

    def _run(self, job_id: int) -> bool:
        try:
            return run(job_id, interrupted=self._closing.is_set) is not None
        except (OperationalError, InterfaceError):
            logger.exception("Bulk job %s lost its database; it goes on where it was", job_id)
            connections.close_all()
            return False


def find_orphans() -> list[int]:
    """Return the open jobs that nobody runs, the oldest first."""
    ids = BulkJob.objects.open().order_by("pk").values_list("pk", flat=True)
    return [job_id for job_id in ids if not is_held(job_id)]


def ensure_running(job: BulkJob) -> None:
    """Have an open job that nobody runs run here, once the transaction is over."""
    if job.is_open and not is_held(job.pk):
        transaction.on_commit(workers.run_pending)


workers = Workers()
"""Those of this process."""
