"""The maintenance thread: connects to the database and drains the spool, while there is need.

Connecting can take longer than an event may: names are looked up, servers are tried in turn. So
the writer does not connect; it waits for this thread, and not at all while the database is known
to be away.
"""

import _thread
import logging
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from queue import Empty, SimpleQueue

import psycopg

from .. import connection, database
from ..errors import DatabaseConfigurationError
from ..settings import Settings
from ..spool import drain
from ..spool.losses import Losses
from ..spool.store import Spool
from .bounded import BoundedConnection
from .insert import PRUNE_ROWS, DatabaseDown, Deferred, prune_receipts
from .queue import GROUP_EVENTS, this_thread

logger = logging.getLogger(__name__)

PAUSE_SECONDS = (0.05, 2.0)
"""Between attempts, growing from the first to the last."""
OTHERS_SECONDS = 0.2
"""How often to look whether another process has drained the spool."""
HURRY_SECONDS = 0.2
"""How often the database is tried, at least, while somebody waits for the spool to drain."""
GROUP_SHRINKS = 8
"""How many times fewer events are drained in one transaction once a group was not taken."""
STARTS_PER_PRUNE = 100
"""One process in so many prunes old receipts when it begins; long ones do so now and then."""


class Maintenance:
    """Gives the writer its connection. The first methods are for any thread, the next for it."""

    def __init__(self, settings: Settings, spool: Spool, losses: Losses) -> None:
        self._settings = settings
        self._spool = spool
        self._losses = losses
        self._is_running = threading.Lock()  # held by the thread as long as it runs
        self._has_work = False
        self.is_clear = False  # whether nothing waited when this thread looked, and nothing came
        self._requests: SimpleQueue[tuple[Callable[[], None], float]] = SimpleQueue()
        self._mutex = threading.Lock()  # between the writer and this thread
        self.held: BoundedConnection | None = None
        """The connection, if there is one."""
        self._tried = threading.Event()
        self._database_problem = ""
        self._spool_problem = ""
        self._failures = 0
        self._group_events = GROUP_EVENTS
        self._is_closed = False
        self._prune_due = random.randrange(STARTS_PER_PRUNE) == 0  # noqa: S311

    # -- For any thread: takes no lock in Python code ---------------------------------------------

    def start(self) -> None:
        """See to it that the thread does what there is to do."""
        self.is_clear = False
        if not sys.is_finalizing() and not self.look():
            try:
                self._connect()
            except DatabaseDown as error:
                self._note(str(error))

    def look(self) -> bool:
        """Have the thread look whether there is anything to do; False if it can't be started."""
        self._has_work = True
        if self._is_running.locked():
            return True
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:  # the interpreter is ending
            return False
        return True

    def run_through(self, deadline: float) -> bool:
        """Wait until the spool is empty, or `time.monotonic`'s deadline; return whether it is.

        Tries the database at once, if it was away.
        """
        done = threading.Lock()
        done.acquire()
        self._requests.put((done.release, deadline))
        self.is_clear = False
        if not self.look():
            return self._attempt() == 0
        return done.acquire(timeout=max(0.0, deadline - time.monotonic()))

    # -- For who has the connection, the writer or who it is lent to ------------------------------

    def connection(self, deadline: float) -> BoundedConnection:
        """Return the connection, waiting for one until `deadline`, in `time.monotonic`'s seconds.

        Raises `DatabaseDown`, at once while the database is known to be away.
        """
        if self.held is None and not self._database_problem:
            self.start()
            self._tried.wait(max(0.0, deadline - time.monotonic()))
        if (held := self.held) is not None:
            return held
        raise DatabaseDown(self._database_problem or "connecting takes too long")

    def forget(self) -> None:
        """Ask for another connection; the holder of this one closes it."""
        with self._mutex:
            self.held = None
            self._tried.clear()

    def discard(self, lost: BoundedConnection) -> None:
        """Let go of a connection that is of no use; the next batch waits for another."""
        with self._mutex:
            if self.held is lost:
                self.held = None
                self._tried.clear()
        lost.close()

    def mark_healthy(self) -> None:
        """Take note that a batch was stored."""
        self._failures = 0

    def mark_down(self, problem: str) -> None:
        """Take the database for away, until the thread has stored something or connected again."""
        self._note(problem)
        self.start()

    def prune(self) -> None:
        """Have old receipts deleted."""
        self._prune_due = True
        self.start()

    def close(self) -> None:
        """Give the connection back, and let the thread end."""
        with self._mutex:
            self._is_closed = True
            self._database_problem = "closed"
        self._requests.put((lambda: None, 0.0))
        if (held := self.held) is not None:
            self.discard(held)

    def abandon(self, *, in_use: bool) -> None:
        """Let go, in a child, of its parent's connection."""
        if self.held is not None:
            connection.abandon(self.held, in_use=in_use)

    # -- The thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        this_thread.may_wait = False
        while self._must_work() and self._is_running.acquire(blocking=False):
            try:
                self._work()
            except Exception:  # a log handler's own: the work goes on
                self._has_work = True
                time.sleep(OTHERS_SECONDS)
            finally:
                self._is_running.release()

    def _work(self) -> None:
        waiting: list[tuple[Callable[[], None], float]] = []
        while self._must_work():
            self._has_work = False
            while not self._requests.empty():
                waiting.append(self._requests.get())
            waiting = [(wake, until) for wake, until in waiting if until > time.monotonic()]
            pause = self._attempt()
            if pause:
                self._has_work = True
                with suppress(Empty):
                    seconds = min(pause, HURRY_SECONDS) if waiting else pause
                    waiting.append(self._requests.get(timeout=seconds))
                continue
            self.is_clear = not self._has_work
            for wake, _ in waiting:
                wake()
            waiting.clear()

    def _must_work(self) -> bool:
        return self._has_work and not self._is_closed

    def _attempt(self) -> float:
        """Do what there is to do; return after how many seconds to try again, 0 if all is done."""
        try:
            if self._round():
                return 0
        except DatabaseDown as error:
            self._note(str(error))
        except Exception as error:  # whatever it was, events are waiting
            logger.exception("Connecting to the database failed")
            self._note(repr(error))
        if not self._failures:
            return OTHERS_SECONDS
        shortest, longest = PAUSE_SECONDS
        return min(longest, shortest * 2.0 ** min(self._failures, 10))

    def _round(self) -> bool:
        """Drain what waits, and connect; return whether nothing waits. Raises `DatabaseDown`."""
        try:
            is_drained = not self._has_spooled() or self._drain()
            self._spool_problem = ""
        except Deferred as error:
            is_drained = False
            self._make_way(str(error))
        except DatabaseDown:
            raise
        except Exception as error:  # whatever it was, live events must not wait for it
            is_drained = False
            if self._spool_problem != str(error):
                logger.exception("The spool %s can't be drained", self._spool.folder)
            self._spool_problem = str(error)
        self._connect()
        if self._losses.count:
            with closing(self._opened("sovi.events drain", drain.GROUP_SECONDS)) as own:
                self._losses.report(own)
        return is_drained and not self._has_spooled()

    def _drain(self) -> bool:
        """Return whether it's done, here: else another process is at it."""
        with drain.drain_lock(self._spool.folder) as is_alone:
            if is_alone:
                with closing(self._opened("sovi.events drain", drain.GROUP_SECONDS)) as own:
                    for _ in drain.groups(self._spool, own, self._group_events):
                        self._failures = 0
                        self._connect()  # what has taken these events takes others too
                    self._group_events = GROUP_EVENTS
                    self._connect()
                    if self._prune_due:
                        self._prune(own)
            return is_alone

    def _make_way(self, problem: str) -> None:
        """Store fewer at once next time; one batch that isn't taken alone comes last then."""
        self._failures += 1
        if self._group_events == 1:
            self._spool.postpone()
            if problem != self._spool_problem:
                logger.warning("An event in %s waits: %s", self._spool.folder, problem)
            self._spool_problem = problem
        self._group_events = max(1, self._group_events // GROUP_SHRINKS)

    def _prune(self, own: BoundedConnection) -> None:
        try:
            deleted = prune_receipts(own, deadline=time.monotonic() + drain.GROUP_SECONDS)
            self._prune_due = deleted == PRUNE_ROWS
        except DatabaseDown as error:  # nothing depends on it
            self._prune_due = False
            logger.info("Old receipts can't be pruned: %s", error)

    def _connect(self) -> None:
        """Give the writer a connection, if it has none."""
        if self.held is not None:
            return
        opened = self._opened("sovi.events emit", self._settings.timeout_seconds)
        with self._mutex:
            if self._is_closed:
                opened.close()
                raise DatabaseDown("closed")
            was_away, self._database_problem = self._database_problem, ""
            self.held = opened
        self._tried.set()
        if was_away:
            logger.warning("The database takes events again")

    def _opened(self, name: str, seconds: float) -> BoundedConnection:
        try:
            return connection.bounded(name, seconds, prepare=self._settings.prepared_statements)
        except psycopg.OperationalError as error:
            raise DatabaseDown(database.unreachable(error)) from error
        except (psycopg.Error, DatabaseConfigurationError) as error:
            raise DatabaseDown(" ".join(str(error).split())) from error

    def _note(self, problem: str) -> None:
        with self._mutex:
            self._failures += 1
            is_news = self.held is None and not self._database_problem
            if self.held is None:
                self._database_problem = problem
        self._tried.set()
        if is_news:  # logged without the lock: a program's handler may take its time
            logger.warning("Events go to the spool %s: %s", self._spool.folder, problem)

    def _has_spooled(self) -> bool:
        return self._prune_due or not self._spool.is_empty()
