"""The event stream beside LISTEN alone, and beside an ASGI application that only writes."""

import asyncio
import random
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import urlopen

import psycopg

from .scratch import make_user, scratch_database
from .web import Reader, Web, close, connect, serving

APPLICATION = "sovi_site.asgi:application"
STREAM = "/api/logs/stream"
CHANNEL = "system_events"
LIMITS = {"SOVI_STREAM_CLIENTS_PER_USER": "5000"}
ROW = """
INSERT INTO system_events (category, severity, event_type, message, context)
VALUES ('scheduler', 'info', 'warming_complete', %s,
        '{"platform": "tiktok", "videos_watched": 45, "likes": 3, "phase": "LIGHT"}')
"""
ROWS = """
INSERT INTO system_events (category, severity, event_type, message, context)
SELECT 'scheduler', 'info', 'warming_complete',
       'Warmed tiktok/grind4829: 45 videos ' || CASE WHEN n = %s THEN %s ELSE n::text END,
       '{"platform": "tiktok", "videos_watched": 45, "likes": 3, "phase": "LIGHT"}'
FROM generate_series(%s::int, %s::int) AS n
"""
MARKS = {"begin": b"\nid: ", "mark": b"THE END"}
PATIENCE_SECONDS = 120.0


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    events, clients, rows, idle = (20, 10, 500, 20) if quick else (500, 500, 2000, 1000)
    with scratch_database("stream") as url:
        token = make_user()
        with serving(APPLICATION, "/healthz", **LIMITS) as web:
            _latency(url, web, token, events)
        with serving(APPLICATION, "/healthz", **LIMITS) as web:
            asyncio.run(_deliveries(url, web, token, clients, rows))
        with serving(APPLICATION, "/healthz", **LIMITS) as web:
            asyncio.run(_idle(url, web, token, idle, 0.5 if quick else 20.0))


# -- From commit to client ------------------------------------------------------------------------


def _latency(url: str, web: Web, token: str, events: int) -> None:
    """Send events one by one; a stream's client and a bare LISTEN wait for each."""
    ready = threading.Barrier(3)
    committed = {}
    dice = random.Random(1)
    with ThreadPoolExecutor(2) as threads, psycopg.connect(url) as connection:
        reading = threads.submit(_read_stream, web, token, events, ready)
        listening = threads.submit(_listen, url, events, ready)
        ready.wait(PATIENCE_SECONDS)
        for number in range(events):
            time.sleep(dice.uniform(0.005, 0.025))
            connection.execute(ROW, [f"number {number}."])
            connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(number)])
            committed[number] = time.perf_counter()
            connection.commit()
        streamed, notified = reading.result(), listening.result()
    for percent, at_most in ((50, 3), (99, 5)):
        ours, raw = (_percentile(committed, seen, percent) for seen in (streamed, notified))
        _row(
            f"commit to client, p{percent}",
            f"{ours * 1000:.2f} ms",
            f"LISTEN {raw * 1000:.2f} ms",
            f"{ours / raw:.2f}x (at most {at_most}x)",
        )


def _read_stream(web: Web, token: str, events: int, ready: threading.Barrier) -> dict[int, float]:
    """Return when each of so many events came."""
    connection = HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", STREAM, headers={"Authorization": f"Token {token}"})
    response = connection.getresponse()
    while not response.readline().startswith(b"id:"):
        pass
    ready.wait(PATIENCE_SECONDS)
    seen: dict[int, float] = {}
    while len(seen) < events:
        line = response.readline()
        if line.startswith(b"data:"):
            now = time.perf_counter()
            seen[int(line.partition(b"number ")[2].partition(b".")[0])] = now
    connection.close()
    return seen


def _listen(url: str, events: int, ready: threading.Barrier) -> dict[int, float]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"LISTEN {CHANNEL}")
        ready.wait(PATIENCE_SECONDS)
        notifications = connection.notifies(timeout=PATIENCE_SECONDS, stop_after=events)
        return {int(it.payload): time.perf_counter() for it in notifications}


def _percentile(committed: dict[int, float], seen: dict[int, float], percent: int) -> float:
    seconds = [seen[number] - committed[number] for number in committed]
    return statistics.quantiles(seconds, n=100)[percent - 1]


# -- To many clients ------------------------------------------------------------------------------


async def _deliveries(url: str, web: Web, token: str, clients: int, rows: int) -> None:
    """Write rows and wait until all clients have all; then let the bare one send those bytes."""
    readers = await connect(web.port, clients, STREAM, token=token, **MARKS)
    began = time.perf_counter()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for first in range(1, rows + 1, 500):
            last = min(first + 499, rows)
            await connection.execute(ROWS, [rows, "THE END", first, last])
            await connection.execute(f"NOTIFY {CHANNEL}")
    ours = await _all_marked(readers) - began
    close(readers)
    # Without what HTTP put between the chunks: the bare server puts its own.
    sent = _without_chunk_sizes(bytes(readers[0].read))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bytes")
        file.write_bytes(sent)  # noqa: ASYNC240 - nobody else waits
        with serving("bench.bare_asgi:application", "/", BARE_BYTES=str(file)) as bare:
            readers = await connect(
                bare.port, clients, "/stream", begin=b"\n\r\n", mark=MARKS["mark"]
            )
            began = time.perf_counter()
            await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{bare.port}/go").close())  # noqa: S310
            raw = await _all_marked(readers) - began
            close(readers)
    _row(
        f"deliveries to {clients} clients",
        f"{clients * rows / ours:,.0f}/s",
        f"bare ASGI {clients * rows / raw:,.0f}/s",
        f"{raw / ours:.2f}x (at least 0.6x)",
    )


async def _all_marked(readers: list[Reader]) -> float:
    """Return when the last client got the last event."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        return max(await asyncio.gather(*(reader.marked for reader in readers)))


def _without_chunk_sizes(response: bytes) -> bytes:
    body, rest = bytearray(), response.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return bytes(body)


# -- When nothing happens -------------------------------------------------------------------------


async def _idle(url: str, web: Web, token: str, clients: int, seconds: float) -> None:
    """Count queries a second and memory with one client, and with many."""
    one = await connect(web.port, 1, STREAM, token=token, **MARKS)
    warm = await connect(web.port, 20, STREAM, token=token, **MARKS)
    close(warm)
    few = await _queries_per_second(url, seconds)
    memory = web.process.memory_info().rss
    others = await connect(web.port, clients - 1, STREAM, token=token, **MARKS)
    many = await _queries_per_second(url, seconds)
    each = (web.process.memory_info().rss - memory) / (clients - 1)
    close(one + others)
    _row("memory of an idle stream", f"{each / 1024:.0f} KB", "", "(at most 100 KB)")
    _row(
        f"queries with {clients:,} clients",
        f"{many:.2f}/s",
        f"1 client {few:.2f}/s",
        f"{many / few:.2f}x (0.9x to 1.1x)",
    )


async def _queries_per_second(url: str, seconds: float) -> float:
    """Count the transactions of the hub: it is in autocommit, each is a query."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

        async def transactions() -> int:
            # A session's own count is told once a second, at the end of a query.
            await asyncio.sleep(min(seconds, 3))
            cursor = await connection.execute(
                "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
            )
            return int((await cursor.fetchall())[0][0])

        before, began = await transactions(), time.perf_counter()
        await asyncio.sleep(seconds)
        after = await transactions()
        return (after - before) / (time.perf_counter() - began)


def _row(name: str, ours: str, raw: str, ratio: str) -> None:
    print(f"{name:<28} {ours:>14} {raw:>22}  {ratio}", flush=True)
