"""Keeps a process connected to the database, and drains its spool, in a thread while there is need.

Connecting can take longer than an event may: names are looked up, servers are tried in turn. So
nobody who emits connects; they wait for this thread, and not at all while the database is known to
be away.
"""

import logging
import random
import sqlite3
import threading
import time
from contextlib import closing

import psycopg

from .. import connection, database
from ..errors import DatabaseConfigurationError
from ..settings import Settings
from ..spool import drain
from ..spool.losses import Losses
from ..spool.store import Spool
from .bell import Bell
from .bounded import BoundedConnection
from .insert import Unavailable
from .interruption import this_thread

logger = logging.getLogger(__name__)

PAUSE_SECONDS = (0.05, 2.0)
"""Between attempts, growing from the first to the last."""
OTHERS_SECONDS = 0.2
"""How often to look whether another process has drained the spool."""
STARTS_PER_PRUNE = 100
"""Processes that live shortly prune old receipts now and then, too."""


class Keeper:
    """The connection that a process's events go through, and the thread that sees to it."""

    def __init__(self, settings: Settings, spool: Spool, losses: Losses) -> None:
        self._settings = settings
        self._spool = spool
        self._losses = losses
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: BoundedConnection | None = None
        self._problem = ""
        self._trouble = ""
        self._failures = 0
        self._is_closed = False
        self._tried = Bell()
        self._hurry = Bell()
        self._prune_due = random.randrange(STARTS_PER_PRUNE) == 0  # noqa: S311

    def connection(self, deadline: float) -> BoundedConnection:
        """Return the connection, waiting for one until `deadline`, in `time.monotonic`'s seconds.

        Raises `Unavailable`, at once while the database is known to be away.
        """
        if self._connection is None and not self._problem:
            self.start()
            self._tried.wait(max(0.0, deadline - time.monotonic()))
        if (held := self._connection) is not None:
            return held
        raise Unavailable(self._problem or "connecting takes too long")

    def works(self) -> None:
        """Take note that a batch was stored."""
        self._failures = 0

    def discard(self, lost: BoundedConnection) -> None:
        """Let go of a connection that is of no use; whoever needs one next waits for another."""
        with self._mutex:
            if self._connection is lost:
                self._connection = None
                self._tried.hush()
        lost.close()

    def fail(self, problem: str) -> None:
        """Take the database for away, until the thread has stored something or connected again."""
        self._note(problem)
        self.start()

    def start(self) -> None:
        """See to it that the thread runs."""
        with self._mutex:
            if self._thread is not None and self._thread.is_alive():
                return
            self._thread = threading.Thread(target=self._run, name="sovi.events", daemon=True)
            try:
                self._thread.start()
                return
            except RuntimeError:  # the interpreter is ending
                self._thread = None
        try:
            self._connect()
        except Unavailable as error:
            self._note(str(error))

    def prune(self) -> None:
        """Have old receipts deleted."""
        self._prune_due = True
        self.start()

    def wait(self, seconds: float) -> None:
        """Wait until there is nothing to do, at most so long; try at once if it is paused."""
        with self._mutex:
            running = self._thread
        if running is not None:
            self._hurry.ring()
            running.join(seconds)

    def close(self) -> None:
        """Give the connection back, and let the thread end."""
        with self._mutex:
            self._is_closed = True
        self._hurry.ring()
        if (held := self._connection) is not None:
            self.discard(held)

    def abandon(self) -> None:
        """Let go, in a child, of its parent's connection."""
        if self._connection is not None:
            connection.abandon(self._connection)

    def _run(self) -> None:
        this_thread.is_storing = True
        while not self._is_closed:
            try:
                if self._failures:
                    shortest, longest = PAUSE_SECONDS
                    self._pause(min(longest, shortest * 2 ** min(self._failures, 10)))
                self._round()
            except Unavailable as error:
                self._note(str(error))
            except Exception as error:  # whatever it was, events are waiting
                logger.exception("Connecting to the database failed")
                self._note(repr(error))
            with self._mutex:
                if self._connection is not None and not self._has_work():
                    self._thread = None
                    return

    def _round(self) -> None:
        """Drain what waits, and connect; raises `Unavailable`."""
        try:
            drained = not self._has_spooled() or self._drain()
            self._trouble = ""
        except Unavailable:
            raise
        except Exception as error:  # whatever it was, live events must not wait for it
            drained = False
            if self._trouble != str(error):
                logger.exception("The spool %s can't be drained", self._spool.folder)
            self._trouble = str(error)
        self._connect()
        if self._losses.count:
            with closing(self._opened("sovi.events drain", drain.GROUP_SECONDS)) as own:
                self._losses.report(own)
        if not drained:
            self._pause(OTHERS_SECONDS)

    def _drain(self) -> bool:
        """Return whether it's done, here: else another process is at it."""
        with drain.alone(self._spool.folder) as is_alone:
            if is_alone:
                with closing(self._opened("sovi.events drain", drain.GROUP_SECONDS)) as own:
                    for _ in drain.groups(self._spool, own):
                        self._failures = 0
                        self._connect()  # what has taken these events takes others too
                    self._connect()
                    if self._prune_due:
                        self._prune(own)
            return is_alone

    def _prune(self, own: BoundedConnection) -> None:
        try:
            self._prune_due = drain.prune(own)
        except Unavailable as error:  # nothing depends on it
            self._prune_due = False
            logger.info("Old receipts can't be pruned: %s", error)

    def _pause(self, seconds: float) -> None:
        self._hurry.wait(seconds)

    def _connect(self) -> None:
        """Give those who emit a connection, if they have none."""
        if self._connection is not None:
            return
        opened = self._opened("sovi.events emit", self._settings.timeout_seconds)
        with self._mutex:
            if self._is_closed:
                opened.close()
                raise Unavailable("closed")
            was_away, self._problem = self._problem, ""
            self._connection = opened
        self._tried.ring()
        if was_away:
            logger.warning("The database takes events again")

    def _opened(self, name: str, seconds: float) -> BoundedConnection:
        try:
            return connection.bounded(name, seconds, prepare=self._settings.prepared_statements)
        except psycopg.OperationalError as error:
            raise Unavailable(database.unreachable(error)) from error
        except (psycopg.Error, DatabaseConfigurationError) as error:
            raise Unavailable(" ".join(str(error).split())) from error

    def _note(self, problem: str) -> None:
        with self._mutex:
            self._failures += 1
            is_news = self._connection is None and not self._problem
            if self._connection is None:
                self._problem = problem
        self._tried.ring()
        if is_news:  # logged without the lock: a program's handler may emit, and wait for it
            logger.warning("Events go to the spool %s: %s", self._spool.folder, problem)

    def _has_work(self) -> bool:
        try:
            return bool(self._losses.count) or self._has_spooled()
        except (sqlite3.Error, OSError):
            return False  # said when it was tried

    def _has_spooled(self) -> bool:
        return self._prune_due or not self._spool.is_empty()
