"""The spool: batches on disk until the database has taken them, and dead letters."""

import errno
import sqlite3
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from ..writing.batch import Batch
from .batch_files import BatchFiles
from .file import SpoolFile, used_bytes

RESERVE = 0.1
"""The part of the bound that is kept for errors and worse."""
ROOM_FOR_HALVES = 1 << 20
"""Between the ids of two batches: a batch of as many events can be halved down to each of them."""
ROW_BYTES = 150
"""What a batch takes besides its content, about."""

NOT_SENT, SENT, SPLIT = range(3)
"""Whether a batch was attempted when it came; SPLIT where parts of it may be stored. A drainer puts
the time of its first attempt in the place of NOT_SENT."""

_COLUMNS = """
    id INTEGER PRIMARY KEY,
    receipt TEXT NOT NULL,
    attempted INTEGER NOT NULL,
    events INTEGER NOT NULL,
    since REAL NOT NULL,
    content TEXT NOT NULL
"""
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS waiting ({_COLUMNS})",
    f"CREATE TABLE IF NOT EXISTS set_aside ({_COLUMNS}, reason TEXT NOT NULL)",
)
_NAMES = "receipt, attempted, events, since, content"


class Spooled(NamedTuple):
    """A batch that waits.

    `attempted` is when it was first sent, in seconds since 1970, and may have been stored; or 0.
    `is_split` where parts of it may be stored by themselves.
    """

    id: int
    batch: Batch
    attempted: float
    is_split: bool


class DeadLetter(NamedTuple):
    """Events that PostgreSQL refused, or that may be in the table; and the reason."""

    batch: Batch
    reason: str


class Contents(NamedTuple):
    """What is in a spool; `since` is when the oldest that waits came, in seconds since 1970."""

    events: int
    since: float | None
    used_bytes: int
    dead_letters: int


class Spool:
    """An SQLite file and batch files beside it, shared by the processes that emit to one database.

    What `put` kept survives a crash of the machine. All but `put` and `dead_letter` raise
    sqlite3.Error and OSError. Those that only read make no file; what is damaged they rename.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.path = folder / "spool.sqlite"
        self.batch_files = BatchFiles(folder)
        self.limit_bytes = limit_bytes
        self.file = SpoolFile(self.path, _SCHEMA)

    def put(
        self, batches: Sequence[Batch], *, attempted: int = NOT_SENT, beyond_bound: bool = False
    ) -> list[tuple[Batch, str]]:
        """Keep the batches; return those that could not be, with the reason.

        Where the file can't be written at once, though the disk has room, files of batches are. A
        batch that is there twice is stored once: both have its receipt.
        """

        def insert(database: sqlite3.Connection) -> list[tuple[Batch, str]]:
            room = self.limit_bytes - used_bytes(database)
            refused: list[tuple[Batch, str]] = []
            for batch in batches:
                content = batch.as_text()
                size = len(content.encode()) + ROW_BYTES
                reserve = 0 if batch.is_error_or_worse else RESERVE * self.limit_bytes
                if size > room - reserve and not beyond_bound:
                    refused.append((batch, "the spool is full"))
                    continue
                room -= size
                _insert(database, batch, attempted, content)
            return refused

        try:
            return self.file.transact(insert)
        except (sqlite3.Error, OSError) as error:
            reason = str(error)
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                return [(batch, reason) for batch in batches]
        kept = self.batch_files.put
        return [(batch, reason) for batch in batches if not kept(batch, attempted=attempted)]

    def dead_letter(self, batch: Batch, reason: str) -> bool:
        """Keep a batch that PostgreSQL refused out of the way; return whether there was room.

        Where the file can't be written at once it waits, to be refused again.
        """

        def insert(database: sqlite3.Connection) -> None:
            row_id = _insert(database, batch, False, batch.as_text())
            _move_aside(database, row_id, reason)

        try:
            self.file.transact(insert)
        except (sqlite3.Error, OSError):
            return self.batch_files.put(batch, attempted=False)
        return True

    def oldest(self, events: int) -> list[Spooled]:
        """Return the batches to store next: one, or several of at most `events` in sum.

        Where batch files alone wait, and a full disk has no room to take them, it raises OSError.
        """
        left = self._take_batch_files()

        def read(database: sqlite3.Connection) -> list[Spooled]:
            found: list[Spooled] = []
            room = events
            for row_id, receipt, attempted, held, since, content in database.execute(
                f"SELECT id, {_NAMES} FROM waiting ORDER BY id LIMIT ?", (events,)
            ):
                room -= held
                if found and room < 0:
                    break
                batch = Batch.from_text(receipt, content)
                # `emit` sent it when its events happened; else it is a time.
                sent = attempted and max(attempted, since)
                found.append(Spooled(row_id, batch, sent, attempted == SPLIT))
            return found

        found = self.file.transact(read, "DEFERRED")
        if left and not found:
            raise OSError(
                errno.ENOSPC, f"No room to take {len(left)} batch files", str(self.folder)
            )
        return found

    def mark_attempted(self, group: Sequence[Spooled]) -> None:
        """Note, before batches are sent, that they may be in the table from now on."""
        first = [(int(time.time()), spooled.id) for spooled in group if not spooled.attempted]
        if not first:
            return
        statement = "UPDATE waiting SET attempted = ? WHERE id = ?"
        try:
            self.file.transact(lambda database: database.executemany(statement, first))
        except sqlite3.OperationalError as error:
            # A full disk has no room for marks before batches have left it.
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise

    def postpone(self) -> None:
        """Put the oldest batch behind all others."""
        self.file.transact(
            lambda database: database.execute(
                "UPDATE waiting SET id = (SELECT max(id) + ? FROM waiting)"
                " WHERE id = (SELECT min(id) FROM waiting)",
                (ROOM_FOR_HALVES,),
            )
        )

    def remove(self, spooled: Sequence[Spooled]) -> None:
        """Forget batches that are in the table."""
        self.file.transact(lambda database: _delete(database, spooled))

    def split(self, spooled: Spooled) -> None:
        """Put the halves of a refused batch in its place, each with a receipt of its own."""
        first, second = spooled.batch.halves()

        def split(database: sqlite3.Connection) -> None:
            (following,) = database.execute(
                "SELECT coalesce(min(id), ?) FROM waiting WHERE id > ?",
                (spooled.id + ROOM_FOR_HALVES, spooled.id),
            ).fetchone()
            _delete(database, [spooled])
            attempted = SPLIT if spooled.is_split else int(spooled.attempted)
            _insert(database, first, attempted, first.as_text(), spooled.id)
            _insert(database, second, attempted, second.as_text(), (spooled.id + following) // 2)

        self.file.transact(split)

    def move_to_dead_letters(self, spooled: Spooled, reason: str) -> None:
        """Keep a batch that waited out of the way."""
        self.file.transact(lambda database: _move_aside(database, spooled.id, reason))

    def requeue(self) -> None:
        """Let all dead letters be stored, also those that may be in the table already."""

        def move(database: sqlite3.Connection) -> None:
            database.execute("UPDATE set_aside SET attempted = 0")  # a person has compared
            database.execute(f"INSERT INTO waiting ({_NAMES}) SELECT {_NAMES} FROM set_aside")
            database.execute("DELETE FROM set_aside")

        self.file.transact(move)

    def exists(self) -> bool:
        """Whether there are files of it."""
        return self.path.exists() or self.batch_files.any()

    def is_empty(self) -> bool:
        """Whether nothing waits; dead letters don't."""
        return not self.batch_files.any() and not self._all("SELECT 1 FROM waiting LIMIT 1")

    def contents(self) -> Contents:
        """Count what is in the spool."""
        files = self._batches_in_files()

        def read(database: sqlite3.Connection) -> Contents:
            events, since = database.execute(
                "SELECT coalesce(sum(events), 0), min(since) FROM waiting"
            ).fetchone()
            (dead,) = database.execute("SELECT coalesce(sum(events), 0) FROM set_aside").fetchone()
            if files:
                for (receipt,) in database.execute("SELECT receipt FROM waiting"):
                    files.pop(UUID(receipt), None)
            return Contents(events, since, used_bytes(database), dead)

        in_database = Contents(0, None, 0, 0)
        if self.path.exists():
            in_database = self.file.transact(read, "DEFERRED")
        times = [min(batch.times) for batch in files.values()]
        times += [] if in_database.since is None else [in_database.since]
        return in_database._replace(
            events=in_database.events + sum(len(batch.records) for batch in files.values()),
            since=min(times, default=None),
        )

    def waiting(self) -> Iterator[Batch]:
        """Yield the batches that wait, the oldest first; those in batch files come last."""
        files = self._batches_in_files()
        for receipt, content in self._all("SELECT receipt, content FROM waiting ORDER BY id"):
            files.pop(UUID(receipt), None)
            yield Batch.from_text(receipt, content)
        yield from files.values()

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Yield what is kept out of the way."""
        statement = "SELECT receipt, content, reason FROM set_aside ORDER BY id"
        for receipt, content, reason in self._all(statement):
            yield DeadLetter(Batch.from_text(receipt, content), reason)

    def _all(self, statement: str) -> list[tuple[str, ...]]:
        if not self.path.exists():
            return []
        return self.file.transact(lambda file: file.execute(statement).fetchall(), "DEFERRED")

    def _batches_in_files(self) -> dict[UUID, Batch]:
        """By their receipts: a batch may be in the database, too, by now or since before."""
        return {batch.receipt: batch for _, batch, _ in self.batch_files.read()}

    def _take_batch_files(self) -> list[Batch]:
        """Take them into the file; return those that a full disk has no room for.

        They wait where they are: what is stored meanwhile makes room.
        """
        left = []
        self.batch_files.remove_abandoned()
        for path, batch, attempted in self.batch_files.read():
            if not batch.records:
                path.unlink(missing_ok=True)
                continue
            try:
                self.file.transact(
                    partial(_insert, batch=batch, attempted=attempted, content=batch.as_text())
                )
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                left.append(batch)
                continue
            path.unlink(missing_ok=True)
        return left


def _insert(
    database: sqlite3.Connection,
    batch: Batch,
    attempted: int,
    content: str,
    row_id: int | None = None,
) -> int | None:
    return database.execute(
        f"INSERT INTO waiting (id, {_NAMES}) VALUES ("
        "coalesce(?, (SELECT coalesce(max(id), 0) + ? FROM waiting)), ?, ?, ?, ?, ?)",
        (
            *(row_id, ROOM_FOR_HALVES),
            *(str(batch.receipt), attempted, len(batch.records), min(batch.times), content),
        ),
    ).lastrowid


def _delete(database: sqlite3.Connection, spooled: Sequence[Spooled]) -> None:
    database.executemany("DELETE FROM waiting WHERE id = ?", [(one.id,) for one in spooled])


def _move_aside(database: sqlite3.Connection, row_id: int | None, reason: str) -> None:
    database.execute(
        f"INSERT INTO set_aside ({_NAMES}, reason) SELECT {_NAMES}, ? FROM waiting WHERE id = ?",
        (reason, row_id),
    )
    database.execute("DELETE FROM waiting WHERE id = ?", (row_id,))
