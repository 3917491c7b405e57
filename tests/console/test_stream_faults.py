"""Hostile writers, cut connections, clients that hop between hubs: each event once to each."""

import asyncio
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest
from streaming import Collector, a_hub, collecting, insert, until, writer

from events.stream.hub import Hub

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 5.0
WRITERS = 8
CLIENTS = 12

COPY = "COPY system_events (category, severity, event_type, message) FROM STDIN"
MANY = """
INSERT INTO system_events (category, severity, event_type, message)
SELECT 'a', 'info', 'b', n::text FROM generate_series(1, %s) AS n
"""


def write(seed: int) -> None:
    """Write in every way there is, until the time is over."""
    dice = random.Random(seed)
    end = time.monotonic() + SECONDS
    with writer() as connection:
        while time.monotonic() < end:
            for _ in range(dice.randint(1, 3)):
                dice.choice((insert, _insert_many, _copy, _with_savepoint))(connection)
                time.sleep(dice.choice((0, 0, 0.01, 0.1)))
            _end(connection, dice, seed)
            time.sleep(dice.choice((0, 0.005, 0.05)))


def _insert_many(connection: psycopg.Connection) -> None:
    connection.execute(MANY, [random.randint(1, 50)])


def _copy(connection: psycopg.Connection) -> None:
    with connection.cursor().copy(COPY) as copy:
        for _ in range(random.randint(1, 50)):
            copy.write_row(("a", "error", "b", "copied"))


def _with_savepoint(connection: psycopg.Connection) -> None:
    insert(connection)
    with connection.transaction(force_rollback=random.random() < 0.5):
        insert(connection)


def _end(connection: psycopg.Connection, dice: random.Random, seed: int) -> None:
    how = dice.random()
    if how < 0.25:
        connection.rollback()
    elif how < 0.3:
        name = f"faults-{seed}"
        connection.execute(f"PREPARE TRANSACTION '{name}'")
        connection.commit()
        time.sleep(0.1)
        connection.autocommit = True
        connection.execute(f"{dice.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}'")
        connection.autocommit = False
    else:
        connection.commit()


async def come_and_go(hubs: list[Hub], start: str, over: asyncio.Event, seed: int) -> list[int]:
    """Follow as one client that loses its connection now and then; return the ids it got."""
    dice = random.Random(seed)
    ids: list[int] = []
    token = start
    while not over.is_set():
        async with collecting(dice.choice(hubs), token=token) as one:
            await asyncio.sleep(dice.choice((0, 0.05, 0.5)))
        # What was on its way when the connection broke was never received.
        received = Collector(one.client)
        for message in one.messages[: len(one.messages) - dice.choice((0, 0, 1, 5))]:
            assert message.event is None
            received.receive(message)
        ids += received.ids
        token = received.token or token
    async with collecting(hubs[0], token=token) as one:
        while True:
            await asyncio.sleep(0.05)
            with writer() as connection:
                row = connection.execute("SELECT count(*) FROM system_events").fetchone()
            if row is not None and len(ids) + len(one.ids) >= row[0]:
                return ids + one.ids


async def cut_connections(over: asyncio.Event) -> None:
    with writer(autocommit=True) as connection:
        while not over.is_set():
            await asyncio.sleep(0.7)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'sovi stream%'"
            )


def test_each_client_gets_each_event_once_through_all_of_it() -> None:
    async def scenario() -> list[list[int]]:
        over = asyncio.Event()
        async with a_hub(clients_per_user=100) as one, a_hub(clients_per_user=100) as other:
            async with collecting(one) as first, collecting(other):
                assert first.token is not None
                clients = [
                    asyncio.create_task(come_and_go([one, other], first.token, over, seed))
                    for seed in range(CLIENTS)
                ]
                cutting = asyncio.create_task(cut_connections(over))
                loop = asyncio.get_running_loop()
                with ThreadPoolExecutor(WRITERS) as pool:
                    await asyncio.gather(
                        *(loop.run_in_executor(pool, partial(write, n)) for n in range(WRITERS))
                    )
                over.set()
                got = await asyncio.wait_for(asyncio.gather(*clients), 30)
                await cutting
                await until(lambda: set(first.ids) == set(got[0]))
            return [*got, first.ids]

    got = asyncio.run(scenario())
    with writer() as connection:
        table = {row[0] for row in connection.execute("SELECT id FROM system_events")}
    for ids in got:
        assert not table - set(ids)
        assert [event_id for event_id, times in Counter(ids).items() if times > 1] == []
