"""What is kept on disk, where, and what becomes of a file that was damaged or taken away."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from patience import eventually

from events.models import EventReceipt, SystemEvent
from sovi_events import connection
from sovi_events.record import Record
from sovi_events.spool import drain
from sovi_events.spool.store import SPLIT, Spool
from sovi_events.writing import insert
from sovi_events.writing.batch import Batch
from sovi_events.writing.bounded import BoundedConnection

MEGABYTE = 1024 * 1024


def batch(*messages: str, severity: str = "info", when: float = 1000.0) -> Batch:
    records = [Record.of("auth", severity, "x", message) for message in messages]
    return Batch(records, [when] * len(records))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "of" / "database", MEGABYTE)


@pytest.fixture
def link(transactional_db: None) -> Iterator[BoundedConnection]:
    with closing(connection.bounded("sovi.events test", 30, prepare=True)) as opened:
        yield opened


def messages(spool: Spool) -> list[str]:
    return [record.message for one in spool.waiting() for record in one.records]


def test_only_its_user_can_read_it(spool: Spool) -> None:
    assert spool.is_empty()
    assert not spool.folder.exists()
    spool.put([batch("secret")])
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    files = list(spool.folder.iterdir())
    assert spool.path in files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_batches_come_out_as_they_went_in_the_oldest_first_and_few_at_a_time(spool: Spool) -> None:
    given = [batch("a", "b"), batch("c"), batch("d", "e", "f"), batch("g")]
    for one in given:
        assert spool.put([one]) == []
    assert [spooled.batch for spooled in spool.oldest(3)] == given[:2]
    assert [spooled.batch for spooled in spool.oldest(1)] == given[:1]
    spool.remove(spool.oldest(3))
    assert [spooled.batch for spooled in spool.oldest(100)] == given[2:]
    assert spool.contents().events == 4


def test_a_file_that_was_taken_away_is_begun_anew(spool: Spool) -> None:
    spool.put([batch("gone")])
    for path in spool.folder.iterdir():
        path.unlink()
    spool.put([batch("kept")])
    assert messages(Spool(spool.folder, MEGABYTE)) == ["kept"]


@pytest.mark.parametrize("damage", ["no database", "torn"])
def test_a_damaged_file_is_kept_aside_and_events_go_on(
    spool: Spool, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    if damage == "no database":
        spool.folder.mkdir(parents=True)
        spool.path.write_bytes(b"no database at all " * 1000)
    else:
        spool.put([batch("x" * 8000) for _ in range(20)])
        spool.file.close()
        content = bytearray(spool.path.read_bytes())
        content[4096:] = b"\xff" * (len(content) - 4096)
        spool.path.write_bytes(content)
    assert spool.put([batch("kept")]) == []
    other = Spool(spool.folder, MEGABYTE)
    other.oldest(1)
    assert "kept" in messages(other)
    assert len(list(spool.folder.glob("*.damaged-*"))) == 1
    assert "is damaged; it is kept as" in caplog.text


def test_what_another_process_keeps_from_the_file_goes_to_a_batch_file_and_is_taken_in_later(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sovi_events.spool.file.BUSY_SECONDS", 0.05)
    spool.put([batch("before")])
    spool = Spool(spool.folder, MEGABYTE)
    with closing(sqlite3.connect(spool.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert spool.put([batch("meanwhile")], attempted=True) == []
        assert spool.batch_files.any()
    assert not spool.is_empty()
    assert [one.batch.records[0].message for one in spool.oldest(10)] == ["before", "meanwhile"]
    assert not spool.batch_files.any()
    assert spool.oldest(10)[1].attempted


def test_threads_that_keep_the_same_batch_in_a_batch_file_all_succeed(spool: Spool) -> None:
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            same = batch("a", "b")
            kept = threads.map(lambda one: spool.batch_files.put(one, attempted=True), [same] * 8)
            assert all(kept)
    assert len(list(spool.batch_files.read())) == 20


@pytest.mark.parametrize("content", ["", '{"attempted": true', "{}", "[]"])
def test_a_damaged_batch_file_is_kept_aside_and_events_go_on(
    spool: Spool, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    batch_file = batch("intact")
    assert spool.batch_files.put(batch_file, attempted=False)
    (intact,) = spool.folder.iterdir()
    damaged = intact.with_name(f"slip-{batch('other').receipt}.json")
    damaged.write_text(content)
    assert [one.batch.receipt for one in spool.oldest(10)] == [batch_file.receipt]
    assert not spool.batch_files.any()
    assert damaged.with_suffix(".damaged").read_text() == content
    assert "is damaged; it is kept as" in caplog.text


def test_what_is_in_batch_files_is_among_what_waits(spool: Spool) -> None:
    assert spool.batch_files.put(batch("in a batch file"), attempted=False)
    assert messages(spool) == ["in a batch file"]


def test_looking_makes_no_file_and_moves_none(spool: Spool) -> None:
    kept = batch("a", "b")
    spool.batch_files.put(kept, attempted=False)
    before = sorted(spool.folder.iterdir())
    assert spool.contents().events == 2
    assert spool.contents().since == 1000.0
    assert messages(spool) == ["a", "b"]
    assert list(spool.dead_letters()) == []
    assert not spool.is_empty()
    assert sorted(spool.folder.iterdir()) == before
    spool.put([kept])
    assert spool.contents().events == 2, "a batch that is there twice is stored once"
    assert messages(spool) == ["a", "b"]


def test_what_a_killed_process_had_half_written_is_removed_a_day_later(spool: Spool) -> None:
    spool.batch_files.put(batch("kept"), attempted=False)
    (path,) = spool.folder.iterdir()
    half, begun = (path.with_suffix(f".{number}.new") for number in (1, 2))
    for unfinished in (half, begun):
        unfinished.write_text('{"attempted": fal')
    os.utime(half, times=(time.time() - 25 * 3600,) * 2)
    assert [one.batch.records[0].message for one in spool.oldest(10)] == ["kept"]
    assert not half.exists()
    assert begun.exists()


def test_the_last_tenth_is_kept_for_errors_and_worse(spool: Spool) -> None:
    large = "x" * 8000
    while not spool.put([batch(large)]):
        pass
    used = spool.contents().used_bytes
    assert 0.85 * MEGABYTE < used < 0.95 * MEGABYTE
    assert spool.put([batch(large, severity="warning")])
    assert spool.put([batch(large, severity="error")]) == []
    while not spool.put([batch(large, severity="critical")]):
        pass
    assert 0.95 * MEGABYTE < spool.contents().used_bytes < 1.05 * MEGABYTE
    refused = [batch("small"), batch("small", severity="critical")]
    assert spool.put(refused)[0] == (refused[0], "the spool is full")
    spool.remove(spool.oldest(50))
    assert spool.put([batch("there is room again")]) == []


def test_what_may_have_been_stored_longer_ago_than_receipts_are_kept_is_set_aside(
    spool: Spool, link: BoundedConnection
) -> None:
    old = time.time() - 31 * 24 * 3600
    spool.put([batch("certain", when=old)])
    spool.put([batch("uncertain", when=old)], attempted=True)
    spool.put([batch("young", when=time.time())], attempted=True)
    list(drain.groups(spool, link))
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert list(stored) == ["certain", "young"]
    (letter,) = spool.dead_letters()
    assert letter.batch.records[0].message == "uncertain"
    assert "compare it with the table" in letter.reason
    spool.requeue()
    list(drain.groups(spool, link))
    assert list(stored.all()) == ["certain", "young", "uncertain"]
    assert spool.contents().dead_letters == 0


@pytest.mark.parametrize("batches", [1, 2], ids=["one batch", "a group"])
def test_what_a_killed_drainer_stored_is_not_stored_again_when_its_receipt_is_gone(
    batches: int, spool: Spool, link: BoundedConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(_: Spool, group: object) -> None:
        raise KeyboardInterrupt

    for number in range(batches):
        spool.put([batch(f"m{number}")])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Spool, "remove", killed)
        list(drain.groups(spool, link))
    EventReceipt.objects.all().delete()  # as pruning would, 31 days later
    spool.file.transact(
        lambda file: file.execute(f"UPDATE waiting SET attempted = attempted - {31 * 24 * 3600}")
    )
    list(drain.groups(spool, link))
    assert SystemEvent.objects.count() == batches
    assert spool.contents().dead_letters == batches


def test_a_batch_that_is_there_twice_is_stored_once(spool: Spool, link: BoundedConnection) -> None:
    twice, once = batch("a", "b"), batch("c")
    for one in (twice, once, twice):
        spool.put([one])
    list(drain.groups(spool, link))
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert sorted(stored) == ["a", "b", "c"]
    assert EventReceipt.objects.count() == 2
    assert spool.is_empty()


def test_a_batch_that_is_there_twice_is_stored_once_though_an_event_is_refused(
    spool: Spool, link: BoundedConnection
) -> None:
    link.execute("ALTER TABLE system_events ADD CONSTRAINT no_poison CHECK (message <> 'poison')")
    try:
        twice = batch("a", "poison", "b", "c")
        spool.put([twice, twice])
        list(drain.groups(spool, link))
    finally:
        link.execute("ALTER TABLE system_events DROP CONSTRAINT no_poison")
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert sorted(stored) == ["a", "b", "c"]


def test_a_batch_that_was_stored_before_it_would_be_refused_is_stored_once(
    spool: Spool, link: BoundedConnection
) -> None:
    cut_off = batch("a", "poison", "b")
    insert.store(link, [cut_off], deadline=time.monotonic() + 30)
    link.execute(
        "ALTER TABLE system_events ADD CONSTRAINT no_poison CHECK (message <> 'poison') NOT VALID"
    )
    try:
        spool.put([cut_off])
        list(drain.groups(spool, link))
    finally:
        link.execute("ALTER TABLE system_events DROP CONSTRAINT no_poison")
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert list(stored) == ["a", "poison", "b"]
    assert spool.is_empty()
    assert spool.contents().dead_letters == 0


def test_a_refused_event_leaves_its_neighbours_and_comes_back_when_asked(
    spool: Spool, link: BoundedConnection
) -> None:
    link.execute("ALTER TABLE system_events ADD CONSTRAINT no_poison CHECK (message <> 'poison')")
    try:
        spool.put([batch("a", "b", "poison", "c")])
        spool.put([batch("d")])
        list(drain.groups(spool, link))
        stored = SystemEvent.objects.values_list("message", flat=True)
        assert sorted(stored) == ["a", "b", "c", "d"]
        assert spool.is_empty()
        assert spool.contents().dead_letters == 1
        (letter,) = spool.dead_letters()
        assert [record.message for record in letter.batch.records] == ["poison"]
        assert "no_poison" in letter.reason
    finally:
        link.execute("ALTER TABLE system_events DROP CONSTRAINT no_poison")
    spool.requeue()
    list(drain.groups(spool, link))
    assert SystemEvent.objects.filter(message="poison").count() == 1
    assert spool.contents().dead_letters == 0


def test_what_was_refused_long_ago_comes_back_when_asked(
    spool: Spool, link: BoundedConnection
) -> None:
    old = time.time() - 31 * 24 * 3600
    spool.dead_letter(batch("refused at once", when=old), "why")
    spool.put([batch("refused", when=old)], attempted=True)
    (waiting,) = spool.oldest(1)
    spool.move_to_dead_letters(waiting, "why")
    spool.requeue()
    list(drain.groups(spool, link))
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert list(stored) == ["refused at once", "refused"]
    assert spool.contents().dead_letters == 0


def fill_disk(spool: Spool, room: int = 0) -> None:
    """Leave room for so many pages, as on a disk that is full: SQLite says the same then."""

    def bound(database: sqlite3.Connection) -> None:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages + room}")

    spool.file.transact(bound)


def test_a_batch_file_that_a_full_disk_has_no_room_for_keeps_nothing_from_draining(
    spool: Spool, link: BoundedConnection
) -> None:
    spool.put([batch("waits", "x" * 100_000)])
    fill_disk(spool)
    assert spool.batch_files.put(batch("a batch file", "y" * 50_000), attempted=False)
    contents = spool.contents()
    assert contents.events == 4
    assert contents.since is not None
    assert [len(one.records) for one in spool.waiting()] == [2, 2]
    list(drain.groups(spool, link))
    stored = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert [message[:6] for message in stored] == ["waits", "xxxxxx", "a batc", "yyyyyy"]
    assert spool.is_empty()


def test_batch_files_alone_on_a_full_disk_wait_and_are_said(
    spool: Spool, link: BoundedConnection
) -> None:
    assert spool.is_empty()
    assert spool.contents().events == 0
    fill_disk(spool)
    assert spool.batch_files.put(batch("y" * 50_000), attempted=False)
    with pytest.raises(OSError, match="No room to take 1 batch files"):
        list(drain.groups(spool, link))
    fill_disk(spool, room=1000)
    list(drain.groups(spool, link))
    assert SystemEvent.objects.count() == 1


def test_asking_whether_a_spool_is_drained_makes_no_file(spool: Spool) -> None:
    assert not drain.is_drained_now(spool.folder)
    assert not spool.folder.exists()


def test_a_child_forked_while_its_parent_drains_keeps_nobody_from_draining(spool: Spool) -> None:
    with drain.drain_lock(spool.folder) as is_alone:
        assert is_alone
        child = os.fork()
        if not child:
            signal.pause()
        assert drain.is_drained_now(spool.folder)
    try:
        eventually(lambda: not drain.is_drained_now(spool.folder), "the child holds the lock")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_file_that_cant_be_opened_costs_no_event(spool: Spool) -> None:
    spool.path.mkdir(parents=True)  # as one of another user
    refused, kept = batch("refused"), batch("kept")
    assert spool.dead_letter(refused, "why")
    assert spool.put([kept]) == []
    spool.path.rmdir()
    assert sorted(messages(spool)) == ["kept", "refused"]


def test_a_batch_file_that_cant_be_read_keeps_nothing_from_draining(
    spool: Spool, link: BoundedConnection
) -> None:
    unreadable = spool.folder / f"slip-{batch('x').receipt}.json"
    unreadable.mkdir(parents=True)  # root, who runs this, reads all else
    spool.batch_files.put(Batch([], []), attempted=True)
    spool.put([batch("kept")])
    list(drain.groups(spool, link))
    assert SystemEvent.objects.count() == 1
    assert spool.is_empty()
    assert unreadable.with_suffix(".damaged").exists()


def test_what_takes_too_long_comes_last_once_it_is_postponed(spool: Spool) -> None:
    for name in ("slow", "a", "b"):
        spool.put([batch(name)])
    spool.postpone()
    assert messages(spool) == ["a", "b", "slow"]


def test_parts_that_were_stored_beside_the_whole_are_stored_once(
    spool: Spool, link: BoundedConnection
) -> None:
    whole = batch("a", "b", "c", "d", "e", when=time.time())
    part = whole.halves()[1].halves()[0]
    insert.store(link, [part], deadline=time.monotonic() + 30)
    spool.put([batch("before", when=time.time()), whole], attempted=SPLIT)
    list(drain.groups(spool, link))
    stored = SystemEvent.objects.values_list("message", flat=True)
    assert sorted(stored) == ["a", "b", "before", "c", "d", "e"]
    assert spool.is_empty()
