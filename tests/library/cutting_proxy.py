"""A proxy before PostgreSQL that cuts connections in mid-reply, or lets replies wait for ever."""

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READ_BYTES = 65536


class CuttingProxy:
    """Takes connections on a port of 127.0.0.1 and passes them on to a server's socket.

    A cut comes after the server has replied and before the client has heard all of it: whether
    what it asked for was committed, the client cannot know.
    """

    def __init__(self, server_socket: Path, seed: int) -> None:
        self._server_socket = server_socket
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._replies_until_cut = 0
        self.cut_rate = 0.0
        """The chance of each reply to be cut."""
        self.cuts = 0
        self.port = 0

    def url(self, dbname: str) -> str:
        options = "sslmode=disable&gssencmode=disable"
        return f"postgresql://postgres@127.0.0.1:{self.port}/{dbname}?{options}"

    def cut_reply(self, number: int) -> None:
        """Cut the reply of this number, counted from now on; 1 is the next."""
        self._replies_until_cut = number

    def hold(self) -> None:
        """Let no reply through, on connections of now and later: a server that hangs."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    @contextmanager
    def running(self) -> Iterator["CuttingProxy"]:
        started = threading.Event()
        thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run(started)])
        thread.start()
        assert started.wait(10), "The proxy did not start"
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join()
            self._loop.close()

    async def _run(self, started: threading.Event) -> None:
        self._ended = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=200)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await self._ended.wait()
        server.close()
        await asyncio.sleep(0)  # what was accepted just now becomes a task
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(
        self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task
        self._connections.add(task)
        writers = [client]
        try:
            server_reader, server = await asyncio.open_unix_connection(self._server_socket)
            writers.append(server)
            pumps = [
                asyncio.ensure_future(self._requests(client_reader, server)),
                asyncio.ensure_future(self._replies(server_reader, client)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for writer in writers:
                writer.transport.abort()
            for writer in writers:  # or the loop may be closed before they are
                with suppress(OSError):
                    await writer.wait_closed()
            self._connections.discard(task)

    async def _requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                server.write(data)
                await server.drain()

    async def _replies(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._flowing.wait()
                if self._is_to_cut():
                    self.cuts += 1
                    client.write(data[: len(data) // 2])
                    return
                client.write(data)
                await client.drain()

    def _is_to_cut(self) -> bool:
        self._replies_until_cut -= 1
        return self._replies_until_cut == 0 or self._random.random() < self.cut_rate


@contextmanager
def a_proxy(server_socket: Path, seed: int = 1) -> Iterator[CuttingProxy]:
    with CuttingProxy(server_socket, seed).running() as proxy:
        yield proxy
