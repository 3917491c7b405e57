"""The one file of a spool: opened when it is needed, by one process or thread at a time."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ..durable import sync_folder
from .folder import make_private, open_file

logger = logging.getLogger(__name__)

BUSY_SECONDS = 0.5
"""How long another process may hold the file before a batch goes to a batch file beside it."""

PAGE_BYTES = 4096

T = TypeVar("T")

lock = threading.RLock()
"""Held while one of this process's files is in use, and over a fork; by one thread at a time.

Held over a fork twice by a thread whose signal handler forks.
"""
_open: "set[SpoolFile]" = set()


def close_all() -> None:
    """Close this process's files until they are needed again, such as before a fork.

    In a child, SQLite would take the parent's locks for its own, and write without any.
    """
    with lock:
        for file in tuple(_open):
            file.close()


class SpoolFile:
    """An SQLite database in which what was committed survives a crash of the machine."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self._path = path
        self._schema = schema
        self._opened: sqlite3.Connection | None = None
        self._inode = 0
        self._damaged: list[Path] = []

    def transact(self, action: Callable[[sqlite3.Connection], T], kind: str = "IMMEDIATE") -> T:
        """Do the action in one transaction; makes the file where there is none.

        Raises sqlite3.Error and OSError.
        """
        # No context manager of ours: a signal handler that raises as it begins or ends would leave
        # the lock taken for as long as somebody holds the exception.
        try:
            with lock:
                database = self._database()
                try:
                    if database.in_transaction:  # an exception came before the rollback below
                        database.execute("ROLLBACK")
                    database.execute(f"BEGIN {kind}")
                    done = action(database)
                    database.execute("COMMIT")
                except BaseException as error:
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
                        self._quarantine()
                    raise
            return done
        finally:
            while self._damaged:  # logged without the lock: a program's handler may emit
                kept = self._damaged.pop().name
                logger.error("The spool %s is damaged; it is kept as %s", self._path, kept)

    def close(self) -> None:
        """Close the file until it is needed again."""
        with lock:
            _open.discard(self)
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.close()

    def _database(self) -> sqlite3.Connection:
        """Return the open file, another one if it was removed or replaced."""
        try:
            there = self._opened is not None and self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            there = False
        if self._opened is None or not there:
            self._opened = self._open()
            _open.add(self)
            self._inode = self._path.stat().st_ino
        return self._opened

    def _open(self) -> sqlite3.Connection:
        make_private(self._path.parent)
        os.close(open_file(self._path, os.O_RDWR | os.O_CREAT))
        try:
            database = self._connect()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
            self._quarantine()
            database = self._connect()
        sync_folder(self._path.parent)
        return database

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a file that is new
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        # On macOS by F_FULLFSYNC, see `sovi_events.durable`; elsewhere these two change nothing.
        database.execute("PRAGMA fullfsync = ON")
        database.execute("PRAGMA checkpoint_fullfsync = ON")
        for statement in self._schema:
            database.execute(statement)
        return database

    def _quarantine(self) -> None:
        """Keep a damaged file to be mended by hand; the next transaction begins another."""
        damaged = self._path.with_suffix(f".damaged-{time.time_ns()}")
        self._path.rename(damaged)
        self._damaged.append(damaged)


def used_bytes(database: sqlite3.Connection) -> int:
    """Return how much of its file a database uses."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (free,) = database.execute("PRAGMA freelist_count").fetchone()
    return (int(pages) - int(free)) * PAGE_BYTES
