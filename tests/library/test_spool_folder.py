"""Whose the folder of a spool is: in one that others may change nothing is kept, or read."""

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from sovi_events.record import Record
from sovi_events.settings import spool_folder
from sovi_events.spool import drain
from sovi_events.spool.folder import UnsafeFolder, require_private
from sovi_events.spool.store import Spool
from sovi_events.writing.batch import Batch

MEGABYTE = 1024 * 1024
SOMEBODY = 54321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def batch(message: str = "secret") -> Batch:
    return Batch([Record.of("auth", "info", "x", message)], [1000.0])


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "chosen" / "database", MEGABYTE)


def given_away(path: Path) -> Path:
    path.mkdir(parents=True)
    os.chown(path, SOMEBODY, SOMEBODY)
    return path


def made_by_another(spool: Spool) -> None:
    given_away(spool.folder)


def below_a_folder_of_another(spool: Spool) -> None:
    given_away(spool.folder.parent)


def a_link_of_anothers(spool: Spool) -> None:
    spool.folder.parent.mkdir()
    there = spool.folder.parent / "there"
    there.mkdir()
    spool.folder.symlink_to(there)
    os.chown(spool.folder, SOMEBODY, SOMEBODY, follow_symlinks=False)


def a_link_to_a_folder_of_anothers(spool: Spool) -> None:
    spool.folder.parent.mkdir()
    spool.folder.symlink_to(given_away(spool.folder.parent / "there"))


def a_link_by_way_of_a_link_of_anothers(spool: Spool) -> None:
    chosen = spool.folder.parent
    chosen.mkdir()
    (chosen / "there").mkdir()
    (chosen / "between").symlink_to("there")
    os.chown(chosen / "between", SOMEBODY, SOMEBODY, follow_symlinks=False)
    spool.folder.symlink_to(Path("between"))


def a_link_by_way_of_a_folder_that_all_write(spool: Spool) -> None:
    open_to_all, there = spool.folder.parent / "open", spool.folder.parent / "there"
    open_to_all.mkdir(parents=True)
    there.mkdir()
    (open_to_all / "link").symlink_to("../there")
    spool.folder.symlink_to("open/link")
    open_to_all.chmod(0o777)


def written_by_all(spool: Spool) -> None:
    spool.folder.mkdir(parents=True)
    spool.folder.chmod(0o777)


def written_by_its_group(spool: Spool) -> None:
    spool.folder.mkdir(parents=True)
    spool.folder.chmod(0o770)


def below_a_folder_that_all_write(spool: Spool) -> None:
    spool.folder.mkdir(parents=True)
    spool.folder.parent.chmod(0o777)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(made_by_another, marks=needs_root),
        pytest.param(below_a_folder_of_another, marks=needs_root),
        pytest.param(a_link_of_anothers, marks=needs_root),
        pytest.param(a_link_to_a_folder_of_anothers, marks=needs_root),
        pytest.param(a_link_by_way_of_a_link_of_anothers, marks=needs_root),
        a_link_by_way_of_a_folder_that_all_write,
        written_by_all,
        written_by_its_group,
        below_a_folder_that_all_write,
    ],
)
def test_a_folder_that_others_may_change_is_refused_with_words(
    spool: Spool, prepare: Callable[[Spool], None]
) -> None:
    prepare(spool)
    before = sorted(spool.folder.parent.rglob("*"))
    [(kept, reason)] = spool.put([batch()])
    assert kept.records[0].message == "secret"
    assert str(spool.folder) in reason and "set SOVI_SPOOL_DIR to a folder of" in reason
    assert not spool.batch_files.put(batch(), attempted=0)
    with pytest.raises(UnsafeFolder), drain.drain_lock(spool.folder):
        pass
    assert sorted(spool.folder.parent.rglob("*")) == before


def test_what_others_left_in_such_a_folder_is_not_stored(spool: Spool) -> None:
    assert spool.batch_files.put(batch("forged"), attempted=0)
    spool.folder.chmod(0o777)
    with pytest.raises(UnsafeFolder):
        list(spool.waiting())
    with pytest.raises(UnsafeFolder):
        spool.oldest(10)


@pytest.mark.parametrize("name", ["spool.sqlite", "drain.lock"])
def test_a_link_in_place_of_a_file_is_not_followed(spool: Spool, name: str) -> None:
    spool.folder.mkdir(parents=True)
    victim = spool.folder.parent / "victim"
    victim.write_text("mine")
    (spool.folder / name).symlink_to(victim)
    with pytest.raises((OSError, sqlite3.Error)):
        list(spool.dead_letters() if name == "spool.sqlite" else drain_once(spool))
    assert victim.read_text() == "mine"


def drain_once(spool: Spool) -> list[bool]:
    with drain.drain_lock(spool.folder) as is_alone:
        return [is_alone]


def test_a_link_in_place_of_a_batch_file_is_put_aside(spool: Spool) -> None:
    spool.folder.mkdir(parents=True)
    elsewhere = Spool(spool.folder.parent / "elsewhere", MEGABYTE)
    assert elsewhere.batch_files.put(batch(), attempted=0)
    [there] = elsewhere.folder.iterdir()
    link = spool.folder / there.name
    link.symlink_to(there)
    assert list(spool.waiting()) == []
    assert link.with_suffix(".damaged").is_symlink() and there.exists()


def test_a_folder_of_ones_own_below_one_that_is_sticky_is_safe(spool: Spool) -> None:
    spool.folder.parent.mkdir()
    spool.folder.parent.chmod(0o1777)  # as /tmp is
    assert spool.put([batch()]) == []
    require_private(spool.folder)


def test_what_is_made_on_the_way_is_nobody_elses_to_write_under_any_umask(spool: Spool) -> None:
    before = os.umask(0)
    try:
        assert spool.put([batch()]) == []
    finally:
        os.umask(before)
    assert stat.S_IMODE(spool.folder.parent.stat().st_mode) == 0o755
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700


def test_links_in_the_chosen_address_are_left_to_be_judged(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    chosen = tmp_path / "link" / "spool"
    assert spool_folder({"SOVI_SPOOL_DIR": str(chosen)}) == chosen


def test_a_circle_of_links_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="[Ss]ymbolic links"):
        require_private(tmp_path / "a")
