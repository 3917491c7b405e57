"""Reading event streams in tests: over HTTP, or from a hub in this process."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from django.contrib.auth import get_user_model
from django.http import QueryDict
from patience import PATIENCE_SECONDS, eventually
from ports import free_port

from events.filters.query_string import read_query
from events.models import ApiToken
from events.stream.client import Client
from events.stream.hub import Hub, Limits
from events.stream.selection import Selection
from events.web.authentication import Credential

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Message:
    """One block of a stream; a comment, which is a line, is one too."""

    id: str | None = None
    event: str | None = None
    data: str | None = None
    comment: str | None = None
    retry: str | None = None

    @property
    def json(self) -> Any:
        assert self.data is not None
        return json.loads(self.data)


def parse(block: str) -> Message:
    found = Message()
    for line in block.split("\n"):
        name, _, value = line.partition(":")
        setattr(found, name or "comment", value.removeprefix(" "))
    return found


class Blocks:
    """Cuts a stream into messages as it comes: comments are not to end a block."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rest = ""

    def feed(self, text: str) -> Iterator[Message]:
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            if line.startswith(":"):
                yield parse(line)
            elif line:
                self.lines.append(line)
            else:
                yield parse("\n".join(self.lines))
                self.lines = []


class Stream:
    """An open stream over HTTP, read block by block."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = self._read()
        self.first = self.next()
        """Where it begins; then it is live."""

    def _read(self) -> Iterator[Message]:
        blocks = Blocks()
        for piece in self.response.iter_text():
            yield from blocks.feed(piece)
        assert (blocks.lines, blocks.rest) == ([], "")

    def next(self, wanted: Callable[[Message], object] = lambda message: True) -> Message:
        """Return the next block that is wanted; fail when there is none in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for message in self._blocks:
            if wanted(message):
                return message
            assert time.monotonic() < deadline, "nothing like that came"
        raise EOFError

    def event(self) -> Message:
        return self.next(lambda message: message.data)

    def rest(self) -> list[Message]:
        """Return all blocks until the server ends the stream."""
        return list(self._blocks)


@contextmanager
def open_stream(url: str, token: str, headers: Any = None, **parameters: str) -> Iterator[Stream]:
    """Open a stream and wait until it is live: until it has told its first position."""
    with httpx.stream(
        "GET",
        f"{url}/api/logs/stream",
        params=parameters,
        headers={"Authorization": f"Token {token}"} | (headers or {}),
        timeout=PATIENCE_SECONDS,
    ) as response:
        assert response.status_code == 200, response.read()
        stream = Stream(response)
        assert stream.first.retry == "3000" and stream.first.id
        yield stream


@contextmanager
def run_server(
    log: Path, *, port: int | None = None, grace_seconds: int = 5, **environment: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a web server of its own, with settings of its own; yield its URL and process."""
    port = port or free_port()
    command = [sys.executable, "-m", "uvicorn", "sovi_site.asgi:application", "--port", str(port)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--timeout-graceful-shutdown", str(grace_seconds)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: process.poll() is not None or answers(f"{url}/healthz"))
        assert process.poll() is None, log.read_text()
        yield url, process
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def make_token(name: str = "ada", **fields: Any) -> str:
    user = get_user_model().objects.create_superuser(name, password=None, **fields)
    token: str = ApiToken.objects.create(user=user, kind="person")[1]
    return token


@contextmanager
def writer(**options: Any) -> Iterator[psycopg.Connection]:
    with psycopg.connect(os.environ["DATABASE_URL"], **options) as connection:
        yield connection


INSERT = """
INSERT INTO system_events (category, severity, event_type, message, context)
VALUES (%(category)s, %(severity)s, 'made', %(message)s, %(context)s) RETURNING id
"""


def insert(
    connection: psycopg.Connection,
    message: str = "raw",
    *,
    category: str = "scheduler",
    severity: str = "info",
    context: str = "{}",
) -> int:
    """Write a row as other programs do; commits where the connection does so by itself."""
    row = connection.execute(
        INSERT,
        {"category": category, "severity": severity, "message": message, "context": context},
    ).fetchone()
    assert row is not None
    return int(row[0])


def a_client(hub: Hub, *, user_id: int = 1, **options: Any) -> Client:
    return Client(hub, credential=Credential("token", "digest", user_id), **options)


def selection(**parameters: str) -> Selection:
    query = QueryDict(mutable=True)
    query.update(parameters)
    return Selection(read_query(query).event_filter)


@dataclass
class Collector:
    """A client of a hub in this process, with all that it was sent."""

    client: Client
    messages: list[Message] = field(default_factory=list)
    events: list[Message] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)

    @property
    def token(self) -> str | None:
        return next((m.id for m in reversed(self.messages) if m.id is not None), None)

    async def run(self) -> None:
        blocks = Blocks()
        async for chunk in self.client.chunks():
            for message in blocks.feed(chunk.decode()):
                self.receive(message)

    def receive(self, message: Message) -> None:
        self.messages.append(message)
        if message.data and not message.event:
            self.events.append(message)
            self.ids.append(message.json["id"])


@asynccontextmanager
async def collecting(hub: Hub, **options: Any) -> AsyncIterator[Collector]:
    """Run a client to the end of the block; it has told its first position at the beginning."""
    collector = Collector(a_client(hub, **options))
    task = asyncio.create_task(collector.run())
    try:
        await until(lambda: collector.token is not None or task.done())
        yield collector
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def a_hub(**limits: Any) -> AsyncIterator[Hub]:
    """A hub of the running loop, with quick tokens; at the end it must have gone to rest."""
    hub = Hub(Limits(**{"token_seconds": 0.1, **limits}))
    yield hub
    await until(lambda: not hub.clients and len(asyncio.all_tasks()) == 1)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that comes true in the running loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - what makes it true signals nothing
            await asyncio.sleep(0.005)
