"""Clients that send half a request, or read nothing: each is let go, and others are not."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import crowd
import httpx
import pytest
import uvicorn
from patience import PATIENCE_SECONDS, eventually
from streaming import make_token, run_server
from uvicorn.server import ServerState

from events.export.slots import EXPORTS_PER_USER, TooManyExports, counted, has_room
from sovi_site import http_protocol
from sovi_site.http_protocol import TimedHTTPProtocol
from sovi_site.slow_clients import SlowClients
from sovi_site.stalled_readers import StalledReaders

EXPORTING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'sovi export reader'
"""


@pytest.fixture
def url(transactional_db: None, tmp_path: Path) -> Iterator[str]:
    with run_server(tmp_path / "log", SOVI_BODY_SECONDS="0.5", SOVI_STALL_SECONDS="0.5") as (it, _):
        yield it


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname and parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_SECONDS)


def read_to_end(connection: socket.socket) -> bytes:
    found = b""
    while piece := connection.recv(65536):
        found += piece
    return found


def test_who_sends_half_a_body_or_reads_nothing_is_let_go(url: str) -> None:
    token = make_token()
    for path in ("/api/events", "/admin/login/", "/static/x"):
        with closing(connect(url)) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
            connection.sendall(head.encode())
            answer = read_to_end(connection)
            assert answer.startswith(b"HTTP/1.1 408 "), (path, answer)
    crowd.rows(
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'a', 'info', 'x', repeat('y', 2000) FROM generate_series(1, 15000)"
    )
    with closing(connect(url)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(
            f"GET /api/events/export HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Token {token}\r\n\r\n".encode()
        )
        eventually(lambda: crowd.rows(EXPORTING) != [(0,)])
        eventually(lambda: crowd.rows(EXPORTING) == [(0,)])
    # Who reads it at a pace of their own gets all of it.
    answer = httpx.get(
        f"{url}/api/events/export", headers={"Authorization": f"Token {token}"}, timeout=60
    )
    assert answer.text.count("\r\n") == 15_001


class Served:
    """An application served by uvicorn in this process: its port, and who is connected."""

    def __init__(self, application: Any) -> None:
        config = uvicorn.Config(application, log_config=None)
        self.state = ServerState()
        self._protocol = lambda: TimedHTTPProtocol(
            config=config, server_state=self.state, app_state={}
        )

    async def __aenter__(self) -> "Served":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1")
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()


PIECE = 4 * 1024 * 1024 * b"x"
"""More than the system takes for who doesn't read."""


async def answer_much(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    is_whole = scope["path"] == "/whole"
    await send({"type": "http.response.body", "body": PIECE, "more_body": not is_whole})
    if scope["path"] == "/fails":
        raise RuntimeError
    if scope["path"] == "/stalls":
        await send({"type": "http.response.body", "body": PIECE})


@pytest.mark.parametrize("path", ["/whole", "/stalls", "/fails"])
@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_who_does_not_read_an_answers_end_is_let_go(settings: Any, path: str, more: str) -> None:
    settings.SOVI_STALL_SECONDS = 0.2

    async def scenario() -> None:
        is_asked = asyncio.Event()

        async def answer(scope: Any, receive: Any, send: Any) -> None:
            is_asked.set()
            await answer_much(scope, receive, send)

        async with Served(StalledReaders(answer)) as served:
            with socket.create_connection(("127.0.0.1", served.port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode())
                await is_asked.wait()
                await asyncio.to_thread(eventually, lambda: not served.state.connections)

    asyncio.run(scenario())


def test_who_reads_is_not_let_go_where_the_server_itself_was_held_up(settings: Any) -> None:
    settings.SOVI_STALL_SECONDS = 0.2

    is_held_up = threading.Event()

    def hold_up() -> None:
        is_held_up.set()
        time.sleep(0.4)  # as long as it may stall, and more

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        asyncio.get_running_loop().call_later(0.1, hold_up)
        await answer_much(scope, receive, send)

    def read(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
            connection.sendall(b"GET /stalls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            is_held_up.wait(PATIENCE_SECONDS)
            return len(read_to_end(connection))

    async def scenario() -> None:
        async with Served(StalledReaders(answer)) as served:
            assert await asyncio.to_thread(read, served.port) > 2 * len(PIECE)

    asyncio.run(scenario())


async def answer_ok(scope: Any, receive: Any, send: Any) -> None:
    body = json.dumps({"path": scope["path"]}).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def listening(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS", 0.2)
    async with Served(answer_ok) as served:
        yield served.port


REQUEST = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "answers"),
    [
        (b"", 0),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", 0),
        (REQUEST % 1 + b"GET", 1),
        (REQUEST % 1 + REQUEST % 2 + b"\r\n", 2),
    ],
)
def test_who_sends_half_a_request_is_let_go(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, answers: int
) -> None:
    async def scenario() -> None:
        async with listening(monkeypatch) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert (await reader.read()).count(b"200 OK") == answers
            writer.close()

    asyncio.run(scenario())


def test_a_drip_of_headers_is_no_request_either(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with listening(monkeypatch) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\n")

            async def drip() -> None:
                while True:
                    writer.write(b"X-More: 1\r\n")
                    await asyncio.sleep(0.01)

            dripping = asyncio.create_task(drip())
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    assert await reader.read() == b""
            except ConnectionResetError:
                pass
            finally:
                dripping.cancel()
                writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("size", "is_in_time"), [(2048, True), (2, False)])
def test_a_body_may_take_as_long_as_enough_of_it_comes(
    settings: Any, size: int, is_in_time: bool
) -> None:
    settings.SOVI_BODY_SECONDS = 0.2
    pieces, sent = 4, []

    async def receive() -> dict[str, Any]:
        nonlocal pieces
        await asyncio.sleep(0.15)
        pieces -= 1
        return {"type": "http.request", "body": size * b"x", "more_body": pieces > 0}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def read_all(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        await answer_ok(scope, receive, send)

    asyncio.run(SlowClients(read_all)({"path": "/"}, receive, send))
    assert sent[0]["status"] == (200 if is_in_time else 408)


def test_a_users_exports_count_until_they_end_and_no_more_are_begun() -> None:
    async def scenario() -> None:
        async def chunks() -> AsyncIterator[bytes]:
            while True:
                yield b"x"

        open_ones: list[Any] = [counted(chunks(), "ada") for _ in range(EXPORTS_PER_USER)]  # type: ignore[arg-type]
        assert has_room("ada")
        for one in open_ones:
            await anext(one)
        assert not has_room("ada") and has_room("grace")
        with pytest.raises(TooManyExports):
            await anext(counted(chunks(), "ada"))  # type: ignore[arg-type]
        for one in open_ones:
            await one.aclose()
        assert has_room("ada")

    asyncio.run(scenario())
