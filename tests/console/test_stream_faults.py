"""Hostile writers, restarts, clients that hop between servers: each event once to each client."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from cluster import Cluster, a_cluster
from streaming import ROOT, parse, run_server

pytestmark = pytest.mark.kills

SHORT_SECONDS, FULL_SECONDS = 6.0, 120.0
"""How long there are writers."""
PROCESSES = 4
CLIENTS = 20
LATEST_SECONDS = 60.0
"""What is missing when the writers have ended has so long to arrive."""


@dataclass
class Follower:
    """One logical client; its connections end at any byte, and go on with its token."""

    urls: list[str]
    headers: dict[str, str]
    dice: random.Random
    token: str = "0"
    ids: list[int] = field(default_factory=list)
    resets: int = 0

    async def connect(
        self, client: httpx.AsyncClient, seconds: float, wanted: int = sys.maxsize
    ) -> None:
        """Follow so long, until there are so many, or until the server ends the stream."""
        url = self.dice.choice(self.urls)
        headers = self.headers | {"Last-Event-ID": self.token}
        try:
            async with (
                asyncio.timeout(seconds),
                client.stream("GET", f"{url}/api/logs/stream", headers=headers) as response,
            ):
                if response.status_code != 200:
                    assert response.status_code in (429, 503), response.status_code
                    return
                text = ""
                async for piece in response.aiter_text():
                    *blocks, text = (text + piece).split("\n\n")
                    for block in blocks:
                        self.receive(block)
                    if len(self.ids) >= wanted:
                        return
        except (TimeoutError, httpx.TransportError):
            pass

    def receive(self, block: str) -> None:
        message = parse(block)
        self.token = message.id or self.token
        self.resets += message.event == "reset"
        if message.data and not message.event:
            self.ids.append(message.json["id"])

    async def come_and_go(self, client: httpx.AsyncClient, over: asyncio.Event) -> None:
        while not over.is_set():
            await self.connect(client, self.dice.choice((0.05, 0.3, 1.0, 3.0)))
            await asyncio.sleep(self.dice.choice((0, 0.1, 0.5)))

    async def get_the_rest(self, client: httpx.AsyncClient, wanted: int) -> None:
        async with asyncio.timeout(LATEST_SECONDS):
            while len(self.ids) < wanted:
                await self.connect(client, 10.0, wanted)


class Servers:
    """Two web servers on one database; the first may be restarted."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        (first, self._first), (second, _) = self._start("first"), self._start("second")
        self.urls = [first, second]

    def restart(self) -> None:
        self._first.terminate()
        assert self._first.wait(10) == -signal.SIGTERM
        _, self._first = self._start("first", port=urlsplit(self.urls[0]).port)

    def _start(self, name: str, port: int | None = None) -> tuple[str, subprocess.Popen[bytes]]:
        return self._stack.enter_context(run_server(self._folder / name, port=port))


@contextmanager
def writers(url: str, seconds: float) -> Iterator[list[subprocess.Popen[bytes]]]:
    command = [sys.executable, str(ROOT / "tests/console/hostile_writers.py"), url]
    processes = [
        subprocess.Popen([*command, str(seed), str(seconds)], cwd=ROOT) for seed in range(PROCESSES)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def end_prepared(url: str) -> None:
    """Commit what a restart kept its writer from ending."""
    with psycopg.connect(url, autocommit=True) as connection:
        for (name,) in connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
            connection.execute(f"COMMIT PREPARED '{name}'")


def ids_in(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT id FROM system_events")}


def manage(*arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    password = {"DJANGO_SUPERUSER_PASSWORD": "secret"}
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | password, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def test_each_client_gets_each_event_once_through_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soak: bool
) -> None:
    seconds = FULL_SECONDS if soak else SHORT_SECONDS

    async def scenario(servers: Servers, cluster: Cluster, token: str) -> list[Follower]:
        headers = {"Authorization": f"Token {token}"}
        clients = [Follower(servers.urls, headers, random.Random(n)) for n in range(CLIENTS)]
        over = asyncio.Event()
        async with httpx.AsyncClient(timeout=30) as http:
            following = [asyncio.create_task(it.come_and_go(http, over)) for it in clients]
            with writers(cluster.url, seconds) as processes:
                for fault in (cluster.restart, servers.restart, cluster.restart):
                    await asyncio.sleep(seconds / 4)
                    await asyncio.to_thread(fault)
                for process in processes:
                    assert await asyncio.to_thread(process.wait, LATEST_SECONDS) == 0
            end_prepared(cluster.url)
            over.set()
            await asyncio.gather(*following)
            wanted = len(ids_in(cluster.url))
            await asyncio.gather(*(it.get_the_rest(http, wanted) for it in clients))
        return clients

    with a_cluster() as cluster, ExitStack() as stack:
        monkeypatch.setenv("DATABASE_URL", cluster.url)
        monkeypatch.setenv("SOVI_STREAM_CLIENTS_PER_USER", str(3 * CLIENTS))
        manage("migrate", "--verbosity", "0")
        manage("createsuperuser", "--noinput", "--username", "ada", "--email", "")
        token = manage("create_api_token", "ada")
        clients = asyncio.run(scenario(Servers(tmp_path, stack), cluster, token))
        table = ids_in(cluster.url)
    assert len(table) > 50 * seconds
    for client in clients:
        assert not table - set(client.ids)
        assert [event_id for event_id, times in Counter(client.ids).items() if times > 1] == []
        assert client.resets == 0
