"""A web server of a bench's own, and many clients that read one of its addresses."""

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from .scratch import ROOT

RETRIES = 7
"""Of a connection, in 30 seconds: the pauses between them double."""


class Web(NamedTuple):
    port: int
    process: psutil.Popen


@contextmanager
def serving(application: str, path: str, *, root: Path = ROOT, **environment: str) -> Iterator[Web]:
    """Serve an ASGI application of the checkout `root` with uvicorn; yield once `path` answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = (sys.executable, "-m", "uvicorn", application, "--port", str(port))
    process = psutil.Popen(
        [*command, "--log-level", "warning", "--timeout-graceful-shutdown", "3"],
        cwd=root,
        env=os.environ | environment,
    )
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=RETRIES)) as client:
            client.get(f"http://127.0.0.1:{port}{path}")
        yield Web(port, process)
    finally:
        process.terminate()
        process.wait(timeout=20)


class Connection:
    """Sends requests, one after the other, and reads the answers: less work than `http.client`."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")

    def ask(self, request: bytes) -> bytes:
        """Return the body of the answer. Raises RuntimeError unless it is a whole success."""
        self._socket.sendall(request)
        head = line = self._file.readline()
        while line.strip():
            line = self._file.readline()
            head += line
        length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
        body = self._file.read(int(length[1])) if length else b""
        if length is None or not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError(f"{request[:200]!r}: {head!r} {body[:200]!r}")
        return body

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Reader(asyncio.Protocol):
    """Sends a request and reads on; `begun` and `marked` tell when two texts have come."""

    def __init__(self, request: bytes, begin: bytes, mark: bytes, *, keep: bool = False) -> None:
        self.request, self.begin, self.mark, self.keep = request, begin, mark, keep
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.marked: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.read = bytearray()
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - for the types
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if self.keep:
            self.read += data
        data = self._tail + data
        if self.begin in data and not self.begun.done():
            self.begun.set_result(None)
        if self.mark in data and not self.marked.done():
            self.marked.set_result(time.perf_counter())
        self._tail = data[-100:]


async def connect(
    port: int, count: int, path: str, *, token: str = "", begin: bytes, mark: bytes
) -> list[Reader]:
    """Open so many streams, some at a time; return once each has begun. The first keeps all."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Token {token}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(20)

    async def open_one(keep: bool) -> Reader:
        async with places:
            _, reader = await loop.create_connection(
                lambda: Reader(request, begin, mark, keep=keep), "127.0.0.1", port
            )
            await reader.begun
            return reader

    return await asyncio.gather(*(open_one(keep=number == 0) for number in range(count)))


def close(readers: list[Reader]) -> None:
    for reader in readers:
        reader.transport.abort()
