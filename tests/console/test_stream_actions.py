"""`event: resolved` and `event: reopened`: whoever did it, once to each, and resumable."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client as Browser
from streaming import (
    Collector,
    Message,
    a_hub,
    collecting,
    insert,
    make_token,
    open_stream,
    selection,
    until,
    writer,
)

from events.models import EventAction, SystemEvent
from events.models.actor import Actor
from sovi import events
from sovi_events.following.position import MAX_ID, Position

pytestmark = pytest.mark.django_db(transaction=True)

ADA = Actor("ada", "human", "admin")


def actions(one: Collector) -> list[tuple[str | None, list[int]]]:
    return [(m.event, m.json["ids"]) for m in one.messages if m.event in ("resolved", "reopened")]


async def in_thread(call: Any, *arguments: Any, **named: Any) -> Any:
    def call_and_close() -> Any:
        try:
            return call(*arguments, **named)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call_and_close)


def test_each_of_our_faces_is_told_of_and_by_whom(server) -> None:
    token = make_token("bob")
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("ada"))
    authorization = {"Authorization": f"Token {token}"}
    with writer(autocommit=True) as connection:
        ids = [insert(connection) for _ in range(3)]
    with open_stream(server.url, token) as stream:

        def told() -> tuple[Message, dict[str, Any]]:
            message = stream.event()
            return message, message.json

        assert events.resolve(ids[0], "auto", actor="healer", reason="it went away")
        message, data = told()
        assert message.event == "resolved"
        assert re.search(rf"\.{EventAction.objects.get().pk}(~|$)", str(message.id))
        assert list(data) == [
            *("ids", "actor", "actor_kind", "face", "reason", "timestamp", "operation")
        ]
        assert data["ids"] == [ids[0]]
        assert data["actor"] == "healer"
        assert data["actor_kind"] == "auto"
        assert data["face"] == "library"
        assert data["reason"] == "it went away"
        assert data["timestamp"].endswith("Z")

        httpx.post(f"{server.url}/api/events/{ids[1]}/resolve", headers=authorization)
        assert told()[1] | {"operation": "", "timestamp": ""} == {
            "ids": [ids[1]],
            "actor": "bob",
            "actor_kind": "human",
            "face": "api",
            "reason": None,
            "timestamp": "",
            "operation": "",
        }

        selected = {"action": "reopen_selected", "_selected_action": [str(it) for it in ids]}
        answer = browser.post("/admin/events/systemevent/", selected)
        assert answer.status_code == 302, answer.content
        message, data = told()
        assert message.event == "reopened"
        assert (data["ids"], data["actor"], data["face"]) == (ids[:2], "ada", "admin")


def test_a_bulk_action_arrives_chunk_by_chunk_under_one_operation() -> None:
    async def scenario(connection: Any) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            connection.execute(
                "INSERT INTO system_events (category, severity, event_type, message)"
                " SELECT 'a', 'info', 'b', n::text FROM generate_series(1, 1500) AS n"
            )
            changed = await in_thread(SystemEvent.objects.all().resolve, by=ADA)
            assert changed == 1500
            await until(lambda: sum(len(ids) for _, ids in actions(one)) == len(one.ids) == 1500)
            told = [message.json for message in one.messages if message.event]
            assert sorted(i for data in told for i in data["ids"]) == sorted(one.ids)
            assert len({data["operation"] for data in told}) == 1
            assert len(told) == 2

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_from_each_message_on_a_client_gets_exactly_the_other_actions() -> None:
    async def scenario(connection: Any, slow: Any) -> None:
        async with (
            a_hub() as hub,
            a_hub() as other_hub,
            collecting(hub) as whole,
            collecting(other_hub),
        ):
            ids = [insert(connection) for _ in range(4)]
            await in_thread(events.resolve, ids[0], "human")
            # An action with a lower id that is committed after one with a higher.
            slow.execute(
                "INSERT INTO event_actions"
                " (action, actor, actor_kind, face, operation, events)"
                " VALUES ('resolve', 'x', 'auto', 'command', gen_random_uuid(),"
                " int8multirange(int8range(%s, %s, '[]')))",
                [ids[1], ids[2]],
            )
            await in_thread(events.reopen, ids[0])
            await until(lambda: len(actions(whole)) == 2)
            await until(lambda: "~" in str(whole.token).partition(".")[2])
            slow.commit()
            await in_thread(events.resolve, ids[3], "auto")
            await until(lambda: len(actions(whole)) == 4)
            wanted = actions(whole)
            assert wanted == [
                ("resolved", [ids[0]]),
                ("reopened", [ids[0]]),
                ("resolved", [ids[1], ids[2]]),
                ("resolved", [ids[3]]),
            ]
            for at, message in enumerate(whole.messages):
                if message.id is None:
                    continue
                had = sum(m.event is not None for m in whole.messages[: at + 1])
                rest = sorted(wanted[had:])
                for place in (hub, other_hub):
                    async with collecting(place, token=message.id) as again:
                        await until(lambda: len(actions(again)) >= len(rest))  # noqa: B023
                        assert sorted(actions(again)) == rest

    with writer(autocommit=True) as connection, writer() as slow:
        asyncio.run(scenario(connection, slow))


def test_a_plain_event_id_resumes_events_and_takes_actions_from_now_on() -> None:
    async def scenario(connection: Any) -> None:
        async with a_hub() as hub, collecting(hub) as whole:
            ids = [insert(connection) for _ in range(2)]
            await in_thread(events.resolve, ids[0], "human")
            await until(lambda: actions(whole) and whole.ids == ids)
            async with collecting(hub, token=str(ids[0])) as one:
                await until(lambda: one.ids == [ids[1]])
                await in_thread(events.resolve, ids[1], "human")
                await until(lambda: actions(one) == [("resolved", [ids[1]])])

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize(
    "parameters",
    [{"severity": "error", "resolved": "false"}, {"q": "severity:error resolved:no"}],
)
def test_a_filtered_stream_is_told_of_the_events_it_is_about(
    live: bool, parameters: dict[str, str]
) -> None:
    # Whether they are resolved is left out: a list of the open ones learns what to take away.
    asked = selection(**parameters)

    async def scenario(connection: Any) -> None:
        async with a_hub() as hub, collecting(hub) as whole:
            start = whole.token

            async def act() -> list[int]:
                kinds = ("error", "info", "error", "info")
                ids = [insert(connection, severity=kind) for kind in kinds]
                await in_thread(SystemEvent.objects.filter(pk__in=ids[:3]).resolve, by=ADA)
                await in_thread(events.resolve, ids[3], "human")
                await in_thread(events.reopen, ids[0])
                await until(lambda: len(actions(whole)) == 3)
                return ids

            if not live:
                ids = await act()
            async with collecting(hub, selection=asked, token=str(start)) as one:
                if live:
                    ids = await act()
                await until(lambda: one.token == whole.token)
                assert actions(one) == [("resolved", [ids[0], ids[2]]), ("reopened", [ids[0]])]

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_a_stream_that_read_ahead_is_told_too_when_a_gap_closes() -> None:
    async def scenario(connection: Any) -> None:
        insert(connection)
        async with a_hub() as hub, collecting(hub):
            with writer() as unfinished, writer() as held:
                gap, read_elsewhere = insert(unfinished), insert(held)
                newest = insert(connection)
                await until(lambda: hub.follower.place.events.high == newest)
                assert hub.follower.place.events == Position(newest, ((gap, read_elsewhere),))
                # Of another process, which has read one of the two that this one waits for.
                token = str(Position(newest, ((gap, gap),)))
                errors = selection(severity="error")
                async with collecting(hub, selection=errors, token=token) as one:
                    assert str(one.token).startswith(token)
                    unfinished.rollback()
                    held.rollback()
                    await until(lambda: "~" not in str(hub.follower.place))
                    await until(lambda: one.token == str(hub.follower.place))

    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_an_action_token_above_the_last_one_given_is_reset(server) -> None:
    with open_stream(server.url, make_token(), last_event_id=f"0.{MAX_ID}") as stream:
        message = stream.first
        assert message.event == "reset"
        assert str(MAX_ID) in json.loads(str(message.data))["reason"]
