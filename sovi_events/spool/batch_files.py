"""Batches in files of their own, for when the spool's one file can't be written at once.

A signal handler may interrupt a thread that is writing the spool, and a stopped process may hold
its lock: neither can be waited for.
"""

import errno
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..durable import sync_file, sync_folder
from ..writing.batch import Batch
from .folder import make_private, open_file, require_private

_PREFIX = "slip-"  # on disk since the first version
_SUFFIX = ".json"
_NEW = ".new"

ABANDONED_SECONDS = 24 * 3600.0
"""From when on nobody is still writing a batch file, be its process stopped."""

UNREADABLE = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO, errno.ELOOP)

logger = logging.getLogger(__name__)


class BatchFiles:
    """The batch files in a folder; the drainer takes them into the spool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, batch: Batch, *, attempted: int) -> bool:
        """Write a batch file that survives a crash; return False where the disk refuses."""
        path = self._folder / f"{_PREFIX}{batch.receipt}{_SUFFIX}"
        # The writer and a caller that did not wait for it may keep the same batch at once.
        new = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}{_NEW}")
        left = json.dumps({"attempted": attempted, "content": batch.as_text()}).encode()
        try:
            make_private(self._folder)
            # Not `open`, which is gone when finalizers run at the interpreter's end.
            handle = open_file(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            try:
                while left:
                    left = left[os.write(handle, left) :]
                sync_file(handle)
            finally:
                os.close(handle)
            new.rename(path)
            sync_folder(self._folder)
        except OSError:
            with suppress(OSError):
                new.unlink()
            return False
        return True

    def any(self) -> bool:
        return any(True for _ in self._paths())

    def remove_abandoned(self) -> None:
        """Remove what was half written when its process was killed: `put` has not returned."""
        oldest = time.time() - ABANDONED_SECONDS
        for path in self._paths(_NEW):
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def read(self) -> Iterator[tuple[Path, Batch, int]]:
        """Yield each batch file with its batch, and whether that was attempted (`spool.store`).

        One that can't be read is kept under another name, out of the way of all others.
        """
        if self.any():
            require_private(self._folder)
        for path in self._paths():
            try:
                batch, attempted = _read(path)
            except FileNotFoundError:  # another process took it
                continue
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                if isinstance(error, OSError) and error.errno not in UNREADABLE:
                    raise
                _put_aside(path, error)
                continue
            yield path, batch, attempted

    def _paths(self, suffix: str = _SUFFIX) -> Iterator[Path]:
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(_PREFIX) and entry.name.endswith(suffix):
                    yield self._folder / entry.name


def _put_aside(path: Path, error: Exception) -> None:
    damaged = path.with_suffix(".damaged")
    path.replace(damaged)
    logger.error("The batch file %s is damaged; it is kept as %s: %r", path, damaged.name, error)


def _read(path: Path) -> tuple[Batch, int]:
    with open(path, encoding="utf-8", opener=open_file) as file:
        batch_file = json.load(file)
    receipt = path.name[len(_PREFIX) : -len(_SUFFIX)]
    return Batch.from_text(receipt, batch_file["content"]), batch_file["attempted"]
