"""How files are made to survive a crash of the machine, where fsync does not do it alone.

What macOS has is put in its place here: these tests run on Linux, too.
"""

import errno
import fcntl
import os
import sqlite3
from pathlib import Path

import pytest

from sovi_events.durable import sync_file, sync_folder
from sovi_events.spool.batch_files import BatchFiles
from sovi_events.spool.file import SpoolFile
from sovi_events.writing.batch import Batch

F_FULLFSYNC = 51  # macOS's


class Drive:
    """What was asked of a Mac's drive, by way of `fcntl` and `fsync`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusal: int | None = None

    def fcntl(self, descriptor: int, command: int) -> int:
        assert os.fstat(descriptor)
        assert command == F_FULLFSYNC
        self.asked.append("full")
        if self.refusal:
            raise OSError(self.refusal, os.strerror(self.refusal))
        return 0

    def fsync(self, descriptor: int) -> None:
        assert os.fstat(descriptor)
        self.asked.append("fsync")


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Drive:
    drive = Drive()
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", F_FULLFSYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", drive.fcntl)
    monkeypatch.setattr(os, "fsync", drive.fsync)
    return drive


def test_a_macs_drive_is_asked_to_empty_its_cache(drive: Drive, tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        sync_file(file.fileno())
    sync_folder(tmp_path)
    assert drive.asked == ["full", "full"]


@pytest.mark.parametrize("refusal", [errno.ENOTSUP, errno.EINVAL, errno.ENOTTY])
def test_a_volume_that_does_not_know_it_gets_an_fsync(
    drive: Drive, tmp_path: Path, refusal: int
) -> None:
    drive.refusal = refusal
    sync_folder(tmp_path)
    assert drive.asked == ["full", "fsync"]


@pytest.mark.parametrize("refusal", [errno.EIO, errno.ENOSPC])
def test_a_failure_is_not_hidden_by_an_fsync(drive: Drive, tmp_path: Path, refusal: int) -> None:
    drive.refusal = refusal
    with pytest.raises(OSError, match=os.strerror(refusal)):
        sync_folder(tmp_path)
    assert drive.asked == ["full"]


def test_without_it_there_is_fsync(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fcntl, "F_FULLFSYNC")
    sync_folder(Path("/"))
    assert drive.asked == ["fsync"]


def test_a_batch_file_and_its_name_are_made_to_survive(drive: Drive, tmp_path: Path) -> None:
    assert BatchFiles(tmp_path).put(Batch([], []), attempted=False)
    assert drive.asked == ["full", "full"]


def test_sqlite_is_told_to_do_the_same_for_the_spools_file(tmp_path: Path) -> None:
    def pragmas(database: sqlite3.Connection) -> dict[str, int]:
        names = ("fullfsync", "checkpoint_fullfsync", "synchronous")
        return {name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    file = SpoolFile(tmp_path / "spool", schema=[])
    assert file.transact(pragmas) == {"fullfsync": 1, "checkpoint_fullfsync": 1, "synchronous": 2}
    file.close()
