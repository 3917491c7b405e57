"""What threads and an event loop emit at once is the same through every face."""

import asyncio
import html
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from live import PASSWORD, Live

from events.web.event_json import represent
from sovi import events
from sovi_events import catalog

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
EACH = 20
ROW = re.compile(r'<tr>(?:(?!</tr>).)*href="/admin/events/systemevent/(\d+)/change/.*?</tr>', re.S)


def arguments(live: Live, source: str, number: int) -> dict[str, Any]:
    """What the source emits as its n-th: all kinds of the catalogue, about something or nothing."""
    known = catalog.EVENT_TYPES[number % len(catalog.EVENT_TYPES)]
    return {
        "category": known.category,
        "severity": known.severity,
        "event_type": known.name,
        "message": f"<{source}> says “{number}” & nothing else",
        "device_id": live.device_id if number % 2 else None,
        "account_id": live.account_id if number % 3 else None,
        "context": {"source": source, "number": number, "nested": {"list": [1, 2.5, None, "é"]}},
    }


def emit_from_threads_and_a_loop(live: Live) -> dict[int, dict[str, Any]]:
    """Return what was emitted, by the ids that the calls returned."""
    start = threading.Barrier(THREADS + 1)

    def thread(name: str) -> list[tuple[int, dict[str, Any]]]:
        start.wait()
        given = [arguments(live, name, number) for number in range(EACH)]
        return [(events.emit(**one), one) for one in given]

    async def loop() -> list[tuple[int, dict[str, Any]]]:
        start.wait()
        given = [arguments(live, "loop", number) for number in range(EACH)]
        ids = await asyncio.gather(*(events.async_emit(**one) for one in given))
        return list(zip(ids, given, strict=True))

    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(thread, f"thread {number}") for number in range(THREADS)]
        emitted = asyncio.run(loop())
        for one in running:
            emitted += one.result()
    assert len(dict(emitted)) == len(emitted) == (THREADS + 1) * EACH
    return dict(emitted)


def from_python() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while page := events.get_events(after_id=rows[-1]["id"] if rows else 0, limit=50):
        rows += page
    return [json.loads(json.dumps(represent(row))) for row in rows]


def from_rest(client: httpx.Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    address = "/api/events?limit=50"
    while address:
        page = client.get(address).raise_for_status().json()
        rows, address = rows + page["results"], page["next"]
    return rows[::-1]


def from_stream(lines: Iterator[str], count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while len(rows) < count:
        line = next(lines)
        if line.startswith("data: "):
            rows.append(json.loads(line.removeprefix("data: ")))
    return sorted(rows, key=lambda row: int(row["id"]))


def from_admin(live: Live) -> dict[int, str]:
    """Return the text of each row of the list, by id."""
    rows: dict[int, str] = {}
    with httpx.Client(base_url=live.url, follow_redirects=True) as browser:
        login = browser.get("/admin/")
        form = {
            "username": "operator",
            "password": PASSWORD,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        assert browser.post(login.url, data=form).url.path == "/admin/"
        number = 0
        while True:
            number += 1
            page = browser.get("/admin/events/systemevent/", params={"p": number})
            found = {
                int(row[1]): html.unescape(re.sub(r"<[^>]*>", " ", row[0]))
                for row in ROW.finditer(page.raise_for_status().text)
            }
            if not found or found.keys() <= rows.keys():
                return rows
            rows |= found


def test_eight_threads_and_a_loop_emit_the_same_rows_to_every_face(live: Live) -> None:
    with live.rest as client, client.stream("GET", "/api/logs/stream") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("id: "))
        emitted = emit_from_threads_and_a_loop(live)
        streamed = from_stream(lines, len(emitted))
    with live.rest as client:
        listed = from_rest(client)
    assert from_python() == listed == streamed

    for row in listed:
        given = emitted[row["id"]]
        expected = {name: value for name, value in given.items() if not name.endswith("_id")}
        assert {name: row[name] for name in expected} == expected
        for name in ("device_id", "account_id"):
            assert row[name] == (given[name] and str(given[name]))
        assert (row["resolved"], row["resolved_by"], row["resolved_at"]) == (False, None, None)

    shown = from_admin(live)
    assert list(shown) == [row["id"] for row in reversed(listed)]
    for event_id, text in shown.items():
        given = emitted[event_id]
        for name in ("category", "severity", "event_type", "message"):
            assert given[name] in text, text
        assert ("iPhone-A" in text) == (given["device_id"] is not None)
        assert ("tiktok/grind4829" in text) == (given["account_id"] is not None)
