"""`?backlog=N`: a stream that starts with the newest events there are."""

import asyncio
from typing import Any

import httpx
import pytest
from streaming import a_hub, collecting, insert, make_token, open_stream, selection, until, writer

from events.stream import table_reader

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/logs/stream"


def test_it_starts_with_the_newest_in_order_and_goes_on_live(server) -> None:
    token = make_token()
    with writer(autocommit=True) as connection:
        ids = [insert(connection) for _ in range(5)]
        with open_stream(server.url, token, backlog="3") as stream:
            told = [stream.event() for _ in range(3)]
            assert [message.json["id"] for message in told] == ids[2:]
            ids.append(insert(connection))
            assert stream.event().json["id"] == ids[-1]
        # A connection that broke within the backlog misses nothing of it, nor gets more.
        with open_stream(
            server.url, token, backlog="3", headers={"Last-Event-ID": str(told[0].id)}
        ) as stream:
            assert [stream.event().json["id"] for _ in range(3)] == ids[3:]


def test_more_than_there_are_and_none_will_do(server) -> None:
    token = make_token()
    for backlog in ("0", "500"):
        with open_stream(server.url, token, backlog=backlog) as stream:
            with writer(autocommit=True) as connection:
                event_id = insert(connection)
            assert stream.event().json["id"] == event_id
            with writer(autocommit=True) as connection:
                connection.execute("TRUNCATE system_events")


@pytest.mark.parametrize("bad", ["501", "-1", "x", "", "1_0", "٣"])
def test_another_number_is_refused(server, bad: str) -> None:
    answer = httpx.get(
        server.url + PATH,
        params={"backlog": bad},
        headers={"Authorization": f"Token {make_token()}"},
    )
    assert (answer.status_code, list(answer.json())) == (400, ["backlog"])


def test_a_filter_counts_what_it_matches_only() -> None:
    async def scenario(connection: Any, held: Any) -> None:
        errors = [insert(connection, severity="error") for _ in range(3)]
        late = insert(held, severity="error")
        for _ in range(10):
            insert(connection)
        async with (
            a_hub() as hub,
            collecting(hub, selection=selection(severity="error"), backlog=2) as one,
        ):
            await until(lambda: one.ids == errors[1:])
            held.commit()
            await until(lambda: one.ids == [*errors[1:], late])

    with writer(autocommit=True) as connection, writer() as held:
        asyncio.run(scenario(connection, held))


def test_who_lacks_what_was_open_long_before_the_hub_began_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(table_reader, "LOOKBACK_IDS", 5)

    async def scenario(connection: Any, held: Any) -> None:
        before = insert(connection)
        late = insert(held)
        ids = [insert(connection) for _ in range(20)]
        async with (
            a_hub(keepalive_seconds=0.1) as hub,
            collecting(hub) as live,
            collecting(hub, token=str(before)) as behind,
            collecting(hub, token=str(ids[-3])) as near,
        ):
            ids.append(insert(connection))
            await until(lambda: live.ids == ids[-1:])
            await until(lambda: near.ids == ids[-3:])
            await until(lambda: any(message.comment for message in behind.messages))
            assert behind.ids == []
            held.commit()
            await until(lambda: behind.ids == [late, *ids])

    with writer(autocommit=True) as connection, writer() as held:
        asyncio.run(scenario(connection, held))
