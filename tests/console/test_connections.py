"""Connections of async code: none is left open for nobody."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from streaming import Collector, a_client, a_hub, insert, until, writer

from events.web import connection_pool
from events.web.connection_pool import Readers

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "sovi test reader"


def sessions(name: str) -> int:
    with writer() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [name],
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_one_that_is_cancelled_while_it_opens_is_not_left_to_the_garbage_collector(
    uncollected: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = asyncio.Event()

    async def connect(name: str) -> Any:
        opening.set()
        return await really_connect(name)

    async def scenario() -> None:
        for instant in range(60):
            opening.clear()
            async with a_hub() as hub:
                reading = asyncio.create_task(Collector(a_client(hub, token="0")).run())
                await opening.wait()
                await asyncio.sleep(instant * 0.0002)
                reading.cancel()
                await asyncio.wait([reading])
        await until(lambda: sessions("sovi stream reader") == 0)

    really_connect = connection_pool.connect
    monkeypatch.setattr(connection_pool, "connect", connect)
    with writer(autocommit=True) as connection:
        insert(connection)
    asyncio.run(scenario())


def test_those_that_come_back_after_the_end_are_closed() -> None:
    async def scenario() -> None:
        readers = Readers(application_name=NAME)
        async with readers.connection():
            await readers.close_idle(0.0)
        assert sessions(NAME) == 1
        async with readers.connection():
            await readers.close()
        await until(lambda: sessions(NAME) == 0)

    asyncio.run(scenario())
