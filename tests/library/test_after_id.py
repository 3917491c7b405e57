"""A loop over pages with `after_id` misses nothing, however the writers overlap."""

import os
import random
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from sovi import events

pytestmark = pytest.mark.django_db(transaction=True)

SHORT_SECONDS, FULL_SECONDS = 2.0, 60.0
INSERT = (
    "INSERT INTO system_events (category, severity, event_type, message)"
    " SELECT 'auth', 'info', 'x', %s FROM generate_series(1, %s) RETURNING id"
)


@pytest.fixture
def writer() -> Iterator[psycopg.Connection[Any]]:
    """A program that holds its transaction open until the test says so."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        yield connection
        connection.rollback()


def add(connection: psycopg.Connection[Any], rows: int = 1) -> list[int]:
    return [event_id for (event_id,) in connection.execute(INSERT, ["x", rows])]


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


@pytest.mark.parametrize("commits", [True, False], ids=["commit", "roll back"])
def test_a_page_ends_before_what_an_open_transaction_may_still_bring(
    library: Any, writer: psycopg.Connection[Any], commits: bool
) -> None:
    first = library.emit("auth", "info", "x", "x")
    assert ids(library.get_events(after_id=0)) == [first]
    lower = add(writer, 3)
    higher = library.emit("auth", "info", "x", "x")
    assert higher > max(lower)
    assert ids(library.get_events()) == [higher, first]  # newest first shows what is visible

    # Both return, though the transaction is still open.
    assert ids(library.get_events(after_id=first)) == []
    assert ids(library.get_events(after_id=0)) == [first]

    (writer.commit if commits else writer.rollback)()
    expected = [*lower, higher] if commits else [higher]
    assert ids(library.get_events(after_id=first)) == expected


def test_a_writer_of_another_table_or_database_keeps_nobody_waiting(
    library: Any, writer: psycopg.Connection[Any]
) -> None:
    writer.execute("INSERT INTO devices (name) VALUES ('iPhone-C')")
    event_id = library.emit("auth", "info", "x", "x")
    assert ids(library.get_events(after_id=0)) == [event_id]


def test_a_writer_that_comes_after_does_not_hold_back_what_was_there(
    library: Any, writer: psycopg.Connection[Any]
) -> None:
    made = library.emit_many(
        {"category": "auth", "severity": "info", "event_type": "x", "message": "x"}
        for _ in range(5)
    )
    assert ids(library.get_events(after_id=0)) == made
    add(writer)
    assert ids(library.get_events(after_id=0)) == made


def test_a_prepared_transaction_is_waited_for_as_well(library: Any) -> None:
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        (allowed,) = connection.execute("SHOW max_prepared_transactions").fetchone() or ("0",)
        if allowed == "0":
            pytest.skip("This server has max_prepared_transactions = 0")
        with connection.transaction():
            first = add(connection)
        connection.execute("BEGIN")
        prepared = add(connection)
        connection.execute(f"PREPARE TRANSACTION '{name}'")
        try:
            last = library.emit("auth", "info", "x", "x")
            assert set(ids(library.get_events(after_id=0))) <= set(first)
        finally:
            connection.execute(f"COMMIT PREPARED '{name}'")
        assert ids(library.get_events(after_id=0)) == [*first, *prepared, last]


def test_an_id_given_by_hand_is_not_followed_over_those_still_to_come(library: Any) -> None:
    first = library.emit("auth", "info", "x", "x")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO system_events (id, category, severity, event_type, message)"
            " VALUES (%s, 'auth', 'info', 'x', 'by hand')",
            [first + 1000],
        )
    second = library.emit("auth", "info", "x", "x")
    assert ids(library.get_events(after_id=0)) == [first, second]


def write(seed: int, until: float, committed: set[int], lock: threading.Lock) -> None:
    """Insert one or many rows a transaction, dawdle, and now and then roll back."""
    dice = random.Random(seed)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        while time.monotonic() < until:
            made: list[int] = []
            for _ in range(dice.choice((1, 1, 1, 2, 3))):
                made += add(connection, dice.choice((1, 1, 1, 5, 40)))
                if dice.random() < 0.6:
                    time.sleep(dice.random() * 0.03)
            if dice.random() < 0.25:
                connection.rollback()
                continue
            connection.commit()
            with lock:
                committed.update(made)


def test_a_loop_over_pages_beside_overlapping_writers_reads_each_event_once(
    library: Any, soak: bool
) -> None:
    committed: set[int] = set()
    lock = threading.Lock()
    walked: list[int] = []
    overlapped = 0
    seed = random.randrange(2**32)
    until = time.monotonic() + (FULL_SECONDS if soak else SHORT_SECONDS)
    with ThreadPoolExecutor(5) as threads:
        writers = [threads.submit(write, seed + n, until, committed, lock) for n in range(4)]
        done = False
        while not done:
            done = all(it.done() for it in writers)
            page = ids(library.get_events(after_id=walked[-1] if walked else 0, limit=200))
            assert page == sorted(page)
            walked += page
            with lock:
                behind = committed - set(walked)
            overlapped += bool(behind and min(behind) > (walked[-1] if walked else 0))
        for it in writers:
            it.result()
    while page := ids(library.get_events(after_id=walked[-1] if walked else 0, limit=200)):
        walked += page
    assert len(committed) > 100, seed
    assert overlapped, seed
    assert walked == sorted(committed), seed


def test_emit_is_among_the_writers_that_are_waited_for(library: Any) -> None:
    """Threads emit by the library itself while the pages are read."""
    until = time.monotonic() + 1.0

    def emit(_: int) -> list[int]:
        made: list[int] = []
        while time.monotonic() < until:
            made.append(events.emit("auth", "info", "x", "x"))
        return made

    walked: list[int] = []
    with ThreadPoolExecutor(4) as threads:
        emitters = [threads.submit(emit, n) for n in range(4)]
        while not all(it.done() for it in emitters):
            walked += ids(library.get_events(after_id=walked[-1] if walked else 0))
        made = [event_id for it in emitters for event_id in it.result()]
    while page := ids(library.get_events(after_id=walked[-1] if walked else 0)):
        walked += page
    assert walked == sorted(made)
