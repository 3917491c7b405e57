"""A web server of a bench's own, and many clients that read one of its addresses."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.request import urlopen

import psutil

from .scratch import ROOT

START_SECONDS = 30.0


class Web(NamedTuple):
    port: int
    process: psutil.Process

    @property
    def memory_bytes(self) -> int:
        return int(self.process.memory_info().rss)


@contextmanager
def serving(application: str, path: str, **environment: str) -> Iterator[Web]:
    """Serve an ASGI application with uvicorn; yield once `path` answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = (sys.executable, "-m", "uvicorn", application, "--port", str(port))
    process = subprocess.Popen(
        [*command, "--log-level", "warning", "--timeout-graceful-shutdown", "3"],
        cwd=ROOT,
        env=os.environ | environment,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}{path}", process)
        yield Web(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urlopen(url, timeout=5).close()  # noqa: S310 - our own address
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


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
    """Open so many streams, some at a time; return once each has begun."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Token {token}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    readers: list[Reader] = []
    while len(readers) < count:
        some = []
        for _ in range(min(20, count - len(readers))):
            keep = not readers and not some
            _, reader = await loop.create_connection(
                lambda keep=keep: Reader(request, begin, mark, keep=keep),  # type: ignore[misc]
                "127.0.0.1",
                port,
            )
            some.append(reader)
        await asyncio.gather(*(reader.begun for reader in some))
        readers += some
    return readers


def close(readers: list[Reader]) -> None:
    for reader in readers:
        reader.transport.abort()
