"""Nothing is lost and nothing repeated, from any message on, however transactions overlapped."""

import asyncio
import random
from contextlib import AsyncExitStack, ExitStack, aclosing

import psycopg
import pytest
from streaming import Collector, a_hub, collecting, insert, parse, selection, until, writer

from events.stream.catch_up import read_pages
from events.stream.resume_token import NOWHERE, ResumeToken
from events.web.connection_pool import Readers
from sovi_events.following.position import Position

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


class History:
    """Transactions that draw ids in one order and end in another, some by rolling back."""

    def __init__(self, seed: int, stack: ExitStack) -> None:
        self.random = random.Random(seed)
        self.connections = [stack.enter_context(writer()) for _ in range(4)]
        self.committed: dict[int, str] = {}
        self._drawn: dict[psycopg.Connection, dict[int, str]] = {}

    def step(self) -> None:
        connection = self.random.choice(self.connections)
        if connection in self._drawn and self.random.random() < 0.5:
            self.end(connection, commit=self.random.random() < 0.8)
        else:
            severity = self.random.choice(["info", "error"])
            event_id = insert(connection, severity=severity)
            self._drawn.setdefault(connection, {})[event_id] = severity

    def end(self, connection: psycopg.Connection, *, commit: bool) -> None:
        drawn = self._drawn.pop(connection)
        if commit:
            connection.commit()
            self.committed.update(drawn)
        else:
            connection.rollback()

    def end_all(self) -> None:
        for connection in list(self._drawn):
            self.end(connection, commit=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("severities", ["", "error"])
def test_from_each_message_on_a_client_gets_exactly_the_others(seed: int, severities: str) -> None:
    async def scenario(stack: ExitStack) -> None:
        history = History(seed, stack)
        asked = selection(severity=severities) if severities else None
        async with (
            a_hub(clients_per_user=10_000) as hub,
            a_hub(clients_per_user=10_000) as other_hub,  # another process, as it were
            collecting(hub, selection=asked) as whole,
            collecting(other_hub),
            AsyncExitStack() as stack_of_clients,
        ):
            resumed: list[tuple[int, Collector]] = []
            seen = 0
            for _ in range(40):
                history.step()
                await asyncio.sleep(0.02)
                for message in whole.messages[seen:]:
                    seen += 1
                    for place in (hub, other_hub) if message.id else ():
                        one = collecting(place, selection=asked, token=message.id)
                        resumed.append((seen, await stack_of_clients.enter_async_context(one)))
            history.end_all()
            wanted = {
                event_id
                for event_id, severity in history.committed.items()
                if severity in (severities or severity)
            }
            await until(lambda: len(whole.ids) >= len(wanted))
            assert sorted(whole.ids) == sorted(wanted)
            for seen, one in resumed:
                had = {message.json["id"] for message in whole.messages[:seen] if message.data}
                rest = sorted(wanted - had)
                await until(lambda one=one, rest=rest: len(one.ids) >= len(rest))
                assert sorted(one.ids) == rest

    with ExitStack() as stack:
        asyncio.run(scenario(stack))


def test_a_filtered_stream_leaps_over_ids_that_no_row_has() -> None:
    far = 10**15  # a sequence may be set forward, and counts on where rows are rolled back

    async def scenario(near: int, source: ResumeToken) -> None:
        readers, found = Readers(), []
        pages = read_pages(readers, NOWHERE, source, selection(severity="error"))
        try:
            async with aclosing(pages):
                async for page in pages:
                    found.append(page)
                    assert len(found) <= 4  # from each row on, behind the last, and where it ends
        finally:
            await readers.close()
        blocks = [parse(block) for page in found for block in page.chunk.decode().split("\n\n")]
        assert [block.json["id"] for block in blocks if block.data] == [near, far]
        assert found[-1].place == source

    with writer(autocommit=True) as connection:
        near = insert(connection, severity="error")
        connection.execute(
            "INSERT INTO system_events (id, category, severity, event_type, message)"
            " VALUES (%s, 'scheduler', 'error', 'made', 'raw')",
            [far],
        )
        asyncio.run(scenario(near, NOWHERE._replace(events=Position(2 * far))))
