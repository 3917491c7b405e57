"""What `sovi_events.tail` asks the server: the newest events once, or the stream for ever."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from .printer import Printer, note
from .server_sent import EventSource, RequestRefused, refusal

EVENTS, STREAM = "/api/events", "/api/logs/stream"
ACTIONS = ("resolved", "reopened")


def server(url: str, token: str) -> httpx.Client:
    """Return a client of the server; to be closed. Raises RequestRefused for what is no address."""
    try:
        return httpx.Client(
            base_url=url.rstrip("/"), headers={"Authorization": f"Token {token}"}, timeout=30
        )
    except (httpx.InvalidURL, ValueError) as error:
        raise RequestRefused(f"{url} is no address of a server: {error}") from error


def newest(client: httpx.Client, filters: Mapping[str, str], count: int) -> list[dict[str, Any]]:
    """Return so many events, the oldest of them first. Raises RequestRefused."""
    if not count:
        return []
    try:
        answer = client.get(EVENTS, params={**filters, "limit": count})
    except httpx.TransportError as error:
        raise RequestRefused(f"{client.base_url} does not answer: {error}") from error
    if not answer.is_success:
        why, _ = refusal(answer)
        raise RequestRefused(why)
    events: list[dict[str, Any]] = answer.json()["results"]
    return events[::-1]


def follow(client: httpx.Client, filters: Mapping[str, str], count: int, printer: Printer) -> None:
    """Print so many events and those that come, until interrupted. Raises RequestRefused."""
    source = EventSource(client, STREAM, {**filters, "backlog": str(count)})
    for message in source.messages():
        content = json.loads(message.data)
        if not message.event:
            printer.event(content)
        elif message.event in ACTIONS:
            printer.action(message.event, content)
        elif message.event == "reset":
            note(f"Events may be missing here: {content['reason']}.")
