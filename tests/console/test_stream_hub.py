"""The hub in this process: what it delivers, what it survives, and what it holds meanwhile."""

import asyncio
import json
import time
from typing import Any

import pytest
from streaming import Collector, a_client, a_hub, collecting, insert, selection, until, writer

from events.stream import catch_up, follower, table_reader
from events.stream.hub import Hub, TooManyStreams

pytestmark = pytest.mark.django_db(transaction=True)

HUB = "sovi stream hub"


@pytest.fixture(autouse=True)
def earlier() -> int:
    """A settled event from before; ids go on from it."""
    with writer(autocommit=True) as connection:
        return insert(connection)


def backends(name: str = "sovi stream%") -> list[int]:
    with writer() as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE %s",
            [name],
        ).fetchall()
    return [pid for (pid,) in rows]


def test_a_row_written_by_raw_sql_arrives_within_two_seconds_of_its_commit() -> None:
    async def scenario() -> None:
        async with a_hub() as hub, collecting(hub) as one:
            await until(lambda: hub.follower.polls > 5)  # idle: the slowest there is
            with writer(autocommit=True) as connection:
                event_id = insert(connection)
            committed = time.monotonic()
            await until(lambda: one.ids == [event_id])
            assert time.monotonic() - committed < 2

    asyncio.run(scenario())


def test_any_text_arrives_whatever_the_terminals_encoding_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with writer(autocommit=True) as connection:
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")

        async def scenario() -> None:
            async with a_hub() as hub, collecting(hub) as one:
                event_id = insert(connection, message="日本")
                await until(lambda: one.ids == [event_id])

        asyncio.run(scenario())


def test_a_notification_wakes_an_idle_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "IDLE_SECONDS", 3600)

    async def scenario() -> None:
        async with a_hub() as hub, collecting(hub) as one:
            with writer() as connection:
                await until(lambda: hub.follower.polls > follower.QUICK_POLLS)
                event_id = insert(connection)
                connection.execute(f"NOTIFY {follower.CHANNEL}")
                connection.commit()
                await until(lambda: one.ids == [event_id])

    asyncio.run(scenario())


def test_the_lower_id_that_commits_later_arrives_too_and_each_arrives_once() -> None:
    async def scenario(first: Any, second: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            low, high = insert(first), insert(second)
            second.commit()
            await until(lambda: one.ids == [high])
            assert str(hub.follower.place.events) == f"{high}~{low}"
            polls = hub.follower.polls
            await until(lambda: hub.follower.polls > polls + 2)
            assert str(hub.follower.place.events) == f"{high}~{low}"
            first.commit()
            await until(lambda: one.ids == [high, low])
            assert hub.follower.place.events.gaps == ()

    with writer() as first, writer() as second:
        asyncio.run(scenario(first, second))


def test_an_id_that_was_rolled_back_closes() -> None:
    async def scenario(first: Any, second: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            low, high = insert(first), insert(second)
            second.commit()
            await until(lambda: str(one.token).startswith(f"{high}~{low}."))
            first.rollback()
            await until(lambda: hub.follower.place.events.gaps == ())
            assert one.ids == [high]

    with writer() as first, writer() as second:
        asyncio.run(scenario(first, second))


def test_a_transaction_that_was_open_when_the_hub_began_is_not_missed() -> None:
    async def scenario(first: Any, low: int) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            assert str(low) in str(one.token)
            first.commit()
            await until(lambda: one.ids == [low])

    with writer() as first, writer(autocommit=True) as second:
        low = insert(first)
        insert(second)
        asyncio.run(scenario(first, low))


def test_more_rolled_back_ids_than_a_token_holds_are_no_hindrance() -> None:
    async def scenario(held: Any, low: int, newest: int) -> None:
        async with a_hub() as hub, collecting(hub) as one, collecting(hub, token=one.token) as two:
            assert not any(message.event for message in two.messages)
            held.commit()
            await until(lambda: low in one.ids and low in two.ids)
            await until(lambda: hub.follower.place.events.gaps == ())
            assert hub.follower.place.events.high == newest

    with writer() as held, writer() as other:
        for _ in range(250):
            insert(other)
            other.rollback()
            newest = insert(other)
            other.commit()
        low = insert(held)
        for _ in range(3):
            newest = insert(other)
            other.commit()
        asyncio.run(scenario(held, low, newest))


def test_a_large_batch_that_was_open_while_others_committed_arrives_in_pages() -> None:
    rows = 3 * table_reader.PAGE_ROWS + 7

    async def scenario(first: Any, second: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            first.execute(
                "INSERT INTO system_events (category, severity, event_type, message)"
                " SELECT 'a', 'info', 'b', n::text FROM generate_series(1, %s) AS n",
                [rows],
            )
            insert(second)
            second.commit()
            await until(lambda: len(one.ids) == 1)
            first.commit()
            await until(lambda: len(one.ids) == rows + 1)
            assert len(set(one.ids)) == rows + 1
            await until(lambda: hub.follower.place.events.gaps == ())

    with writer() as first, writer() as second:
        asyncio.run(scenario(first, second))


def test_what_was_committed_while_the_connection_was_cut_arrives() -> None:
    async def scenario(connection: Any, held: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            late = insert(held)
            ids = [insert(connection)]
            await until(lambda: one.ids == ids)
            for _ in range(3):
                connection.execute("SELECT pg_terminate_backend(%s)", backends(HUB))
                ids.append(insert(connection))
                await until(lambda: one.ids == ids)
            held.commit()
            await until(lambda: one.ids == [*ids, late])
            assert not any(message.event for message in one.messages)

    with writer(autocommit=True) as connection, writer() as held:
        asyncio.run(scenario(connection, held))


def test_a_database_that_went_back_resets_the_clients() -> None:
    async def scenario(connection: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            insert(connection)
            insert(connection)
            await until(lambda: len(one.ids) == 2)
            connection.execute("TRUNCATE system_events RESTART IDENTITY")
            await until(lambda: one.messages[-1].event == "reset")
            assert str(one.token).startswith("0.0.")
            assert "behind" in one.messages[-1].json["reason"]
            assert insert(connection) == 1
            await until(lambda: one.ids[2:] == [1])

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_the_hub_holds_one_connection_and_rests_with_the_last_client() -> None:
    async def scenario() -> None:
        async with a_hub() as hub:
            async with collecting(hub), collecting(hub) as two, collecting(hub, token="0"):
                with writer(autocommit=True) as connection:
                    insert(connection)
                await until(lambda: two.ids)
                await until(lambda: len(backends(HUB)) == 1)
            await until(lambda: backends() == [])
            async with collecting(hub) as again:
                with writer(autocommit=True) as connection:
                    event_id = insert(connection)
                await until(lambda: again.ids == [event_id])
        await until(lambda: backends() == [])

    asyncio.run(scenario())


def test_a_client_that_comes_and_goes_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        async with a_hub(clients_per_user=300) as hub, collecting(hub):
            for _ in range(100):
                task = asyncio.create_task(Collector(a_client(hub)).run())
                await asyncio.sleep(0)
                task.cancel()
            await until(lambda: len(hub.clients) == 1)
            assert hub.clients_of_user == {1: 1}

    asyncio.run(scenario())


def test_there_is_room_for_so_many_clients_of_a_user_and_of_all() -> None:
    async def scenario() -> None:
        async with (
            a_hub(clients_per_user=2, clients=3) as hub,
            collecting(hub),
            collecting(hub),
        ):
            assert not hub.has_room(1)
            assert hub.has_room(2)
            with pytest.raises(TooManyStreams):
                await anext(a_client(hub).chunks())
            async with collecting(hub, user_id=2):
                assert not hub.has_room(2)
                assert not hub.has_room(3)
            assert hub.has_room(2)

    asyncio.run(scenario())


class Reader:
    """A client that takes chunks only when told to, as a socket that blocks."""

    def __init__(self, hub: Hub, **options: Any) -> None:
        self.chunks = a_client(hub, user_id=2, **options).chunks()
        self.ids: list[int] = []

    async def take(self) -> None:
        chunk = await anext(self.chunks)
        for line in chunk.decode().splitlines():
            if line.startswith("data: "):
                self.ids.append(json.loads(line.removeprefix("data: "))["id"])


def test_a_client_that_fell_behind_reads_on_from_the_database_and_joins_again() -> None:
    async def scenario(connection: Any) -> None:
        async with a_hub() as hub, collecting(hub) as quick:
            hub.follower.recent._max_batches = 3
            slow = Reader(hub)
            await slow.take()  # retry
            await slow.take()  # and id
            ids: list[int] = []

            async def more(batches: int) -> None:
                for _ in range(batches):
                    ids.append(insert(connection))
                    await until(lambda: quick.ids == ids)

            await more(2)
            await slow.take()
            await more(10)
            assert hub.follower.recent.first > 3
            while len(slow.ids) < len(ids):
                await slow.take()
            assert slow.ids == ids
            polls = hub.follower.polls
            await more(2)
            while len(slow.ids) < len(ids):
                await slow.take()
            assert slow.ids == ids
            assert hub.follower.polls > polls
            await slow.chunks.aclose()

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def _ids(one: Collector) -> list[str]:
    """Return the tokens that came in a block of their own."""
    return [it.id for it in one.messages if it.id is not None and it.data is None]


async def _hear(one: Collector, comments: int) -> None:
    """Wait for so many keep-alives more."""
    before = len(one.messages)
    await until(lambda: sum(bool(it.comment) for it in one.messages[before:]) >= comments)


def test_a_token_that_lags_behind_what_the_filter_leaves_out_is_sent_once_and_late() -> None:
    async def scenario(connection: Any) -> None:
        async with (
            a_hub(keepalive_seconds=0.05, token_seconds=600) as late,
            a_hub(keepalive_seconds=0.05, token_seconds=0.2) as early,
            collecting(late, selection=selection(q="wanted")) as one,
            collecting(early, selection=selection(q="wanted")) as other,
        ):
            event_id = insert(connection, "not this one")
            await until(lambda: str(other.token).startswith(f"{event_id}.0."))
            await until(lambda: late.follower.place == early.follower.place)
            await _hear(one, 5)
            await _hear(other, 5)
            assert len(_ids(one)) == 1
            assert len(_ids(other)) == 2

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_one_that_catches_up_on_what_its_filter_leaves_out_hears_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catch_up, "WINDOW_IDS", 5)

    async def scenario(newest: int) -> None:
        async with (
            a_hub(token_seconds=0) as hub,
            collecting(hub, token="0", selection=selection(q="wanted")) as one,
        ):
            await until(lambda: str(one.token).startswith(f"{newest}.0."))
            assert any(0 < int(it.partition(".")[0]) < newest for it in _ids(one))

    with writer(autocommit=True) as connection:
        newest = [insert(connection, "not this one") for _ in range(9)][-1]
        asyncio.run(scenario(newest))


def test_a_client_that_stopped_reading_is_cut_and_delays_nobody() -> None:
    async def scenario(connection: Any) -> None:
        async with a_hub(stall_seconds=0.5, keepalive_seconds=0.2) as hub, collecting(hub) as quick:

            async def stuck() -> None:
                async for _ in a_client(hub, user_id=3).chunks():
                    await asyncio.Event().wait()

            task = asyncio.create_task(stuck())
            await until(lambda: len(hub.clients) == 2)
            event_id = insert(connection)
            await until(lambda: quick.ids == [event_id])
            await until(task.done)
            assert task.cancelled()
            await until(lambda: len(hub.clients) == 1)

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_streams_end_when_the_hub_closes() -> None:
    async def scenario() -> None:
        async with a_hub() as hub:
            clients = [Collector(a_client(hub)) for _ in range(3)]
            tasks = [asyncio.create_task(client.run()) for client in clients]
            await until(lambda: all(client.token for client in clients))
            hub.close()
            await asyncio.wait_for(asyncio.gather(*tasks), 0.9)

    asyncio.run(scenario())


def test_idle_connections_for_catching_up_are_closed() -> None:
    async def scenario() -> None:
        async with a_hub() as hub, collecting(hub, token="0") as one:
            await until(lambda: one.ids)
            assert len(backends()) == 2
            await hub.readers.close()
            await until(lambda: len(backends()) == 1)

    asyncio.run(scenario())
