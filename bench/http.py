"""What a client waits for over HTTP, beside a bare ASGI application that runs plain SQL."""

import asyncio
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psycopg

from .comparison import Lap, Measurement, take_turns, timed_together
from .emit import EVENT
from .fill import device_id, filled
from .scratch import ROOT, make_user
from .stream import APPLICATION, LIMITS, MARKS, STREAM
from .web import Connection, Web, close, connect, serving

BARE = "bench.bare_http:application"
HEALTH = "/healthz"
ENVIRONMENT = LIMITS | {"DJANGO_SECRET_KEY": "bench"}
"""One key, so that a session is one in another checkout too."""

UNRESOLVED = "SELECT id FROM system_events WHERE resolved IS NOT TRUE ORDER BY id DESC"


class Size(NamedTuple):
    """How much is measured; `requests` are each client's in a lap, by the number of clients."""

    rows: int
    rounds: int
    requests: Mapping[int, int]
    readers: int
    streams: int


FULL = Size(1_000_000, 15, {1: 10, 8: 3}, readers=50, streams=300)
QUICK = Size(5_000, 1, {1: 1, 8: 1}, readers=5, streams=10)


class Case(NamedTuple):
    """Requests of one kind, and whether the bare application answers them too."""

    name: str
    requests: Iterator[bytes]
    has_twin: bool = True
    is_read: bool = True


def run(*, quick: bool = False, before: Path | None = None) -> None:
    """Measure and print; `quick` only shows that it runs.

    `before` is another checkout, whose application is asked in the same turns.
    """
    size = QUICK if quick else FULL
    with filled(size.rows, keep=False) as url, ExitStack() as stack:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("ANALYZE")
            unresolved = [event_id for (event_id,) in connection.execute(UNRESOLVED)]
        token = make_user()

        def serve(application: str, root: Path = ROOT) -> Web:
            return stack.enter_context(serving(application, HEALTH, root=root, **ENVIRONMENT))

        webs = {"ours": serve(APPLICATION), "bare": serve(BARE)}
        if before:
            webs["before"] = serve(APPLICATION, before.resolve())
        _measure(webs, _cases(token, _log_in(webs["ours"]), unresolved), size)
        asyncio.run(_measure_streams(serve(APPLICATION), webs["ours"], token, size))


# -- Each kind of request, from one client and from several ---------------------------------------


def _measure(webs: dict[str, Web], cases: Sequence[Case], size: Size) -> None:
    _print_head(list(webs)[1:])
    for case in cases:
        if case.has_twin and case.is_read:
            _expect_same(next(case.requests), webs["ours"], webs["bare"])
        asked = {name: web for name, web in webs.items() if case.has_twin or name != "bare"}
        for clients, requests in size.requests.items():
            laps = [_lap(web, case.requests, clients, requests) for web in asked.values()]
            taken = dict(zip(asked, take_turns(laps, rounds=size.rounds), strict=True))
            columns = [taken.get(name) for name in webs]
            _print_case(f"{case.name}, {clients} client{'s' * (clients > 1)}", columns)


def _cases(token: str, session: str, unresolved: Sequence[int]) -> list[Case]:
    """Return what is asked for, reading before writing: the pages of all stay the same."""
    program, person = f"Authorization: Token {token}", f"Cookie: sessionid={session}"
    event = EVENT | {"device_id": device_id(3)}

    def get(path: str, credential: str = program) -> Iterator[bytes]:
        return repeat(_request("GET", path, credential))

    def post(events: object) -> Iterator[bytes]:
        return repeat(_request("POST", "/api/events", program, json.dumps(events)))

    def resolve(event_id: int) -> bytes:
        return _request("POST", f"/api/events/{event_id}/resolve", program)

    return [
        Case("list of 50", get("/api/events")),
        Case("device + severity", get(f"/api/events?device_id={device_id(3)}&severity=critical")),
        Case("one event", get(f"/api/events/{unresolved[0]}")),
        Case("stats", get("/api/events/stats")),
        Case(HEALTH, get(HEALTH)),
        Case("admin's list", get("/admin/events/systemevent/", person), has_twin=False),
        Case("overview", get("/admin/", person), has_twin=False),
        Case("POST of one", post(event), is_read=False),
        Case("POST of 100", post([event] * 100), is_read=False),
        # An event is resolved once: each request takes another.
        Case("resolve", iter([resolve(event_id) for event_id in unresolved]), is_read=False),
    ]


def _request(method: str, path: str, credential: str, body: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{credential}\r\n"
    if method == "POST":
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n{body}".encode()


def _log_in(web: Web) -> str:
    """Return the key of a session."""
    with httpx.Client(base_url=f"http://127.0.0.1:{web.port}") as client:
        client.get("/admin/login/")
        form = {"csrfmiddlewaretoken": client.cookies["csrftoken"]}
        client.post("/admin/login/", data=form | {"username": "bench", "password": "bench"})
        return client.cookies["sessionid"]


def _expect_same(request: bytes, ours: Web, bare: Web) -> None:
    """Raise RuntimeError where the bare application answers with other events than ours."""
    found = []
    for web in (ours, bare):
        with closing(Connection(web.port)) as connection:
            found.append(_gist(json.loads(connection.ask(request))))
    if found[0] != found[1]:
        raise RuntimeError(f"{request!r}: {found[0]} is not {found[1]}")


def _gist(answer: Any) -> object:
    """Return which events an answer holds, or how many it has counted."""
    match answer:
        case {"results": events}:
            return [event["id"] for event in events]
        case {"total": total}:
            return total
    return answer.get("id")


def _lap(web: Web, requests: Iterator[bytes], clients: int, count: int) -> Lap:
    """Return what sends so many requests from each of so many clients, who keep a connection."""

    def lap() -> Measurement:
        with ExitStack() as stack:
            connections = [
                stack.enter_context(closing(Connection(web.port))) for _ in range(clients)
            ]
            asking = [partial(_ask, connection, requests) for connection in connections]
            return timed_together(asking, count)

    return lap


def _ask(connection: Connection, requests: Iterator[bytes]) -> bytes:
    return connection.ask(next(requests))


def _print_head(others: Sequence[str]) -> None:
    print("Median of a request, and requests a second. Ratios are of times, above 1.00x ours takes")
    print("longer: the median of the rounds' ratios, the lowest and the highest.")
    _print_row("", ["ours", *(head for other in others for head in (other, f"to {other}"))])


def _print_case(name: str, columns: Sequence[list[Measurement] | None]) -> None:
    """Print what ours took, then of each other what it took, and the ratio."""
    ours, *others = columns
    assert ours  # noqa: S101 - for the types
    cells = [_cell(ours)]
    for other in others:
        cells += [_cell(other), _ratio(ours, other)] if other else ["", ""]
    _print_row(name, cells)


def _print_row(name: str, cells: Sequence[str]) -> None:
    print(f"{name:<28} {' '.join(f'{cell:>23}' for cell in cells)}".rstrip(), flush=True)


def _cell(laps: Sequence[Measurement]) -> str:
    rate = statistics.median(lap.rate for lap in laps)
    return f"{_milliseconds(laps):,.1f} ms {rate:,.0f}/s"


def _milliseconds(laps: Sequence[Measurement], percent: int = 50) -> float:
    """Return a percentile of a request's time: the median of the laps' own."""
    return statistics.median(lap.percentile(percent) for lap in laps) * 1000


def _ratio(ours: Sequence[Measurement], other: Sequence[Measurement], percent: int = 50) -> str:
    ratios = [
        one.percentile(percent) / two.percentile(percent)
        for one, two in zip(ours, other, strict=True)
    ]
    return f"{statistics.median(ratios):.2f}x ({min(ratios):.2f} to {max(ratios):.2f})"


# -- Beside open streams --------------------------------------------------------------------------


async def _measure_streams(busy: Web, quiet: Web, token: str, size: Size) -> None:
    """Let many clients list at once, from a process with open streams and from one without."""
    streams = await connect(busy.port, size.streams, STREAM, token=token, **MARKS)
    requests = repeat(_request("GET", "/api/events", f"Authorization: Token {token}"))
    laps = [_lap(web, requests, size.readers, size.requests[8]) for web in (busy, quiet)]
    taken = await asyncio.to_thread(take_turns, laps, rounds=size.rounds)
    close(streams)
    print(f"\nA list of 50 by {size.readers} clients at once")
    _print_row("", [f"{size.streams} open streams", "no stream", "ratio"])
    for percent in (50, 95):
        times = [f"{_milliseconds(it, percent):,.1f} ms" for it in taken]
        _print_row(f"p{percent}", [*times, _ratio(*taken, percent)])
