"""A client of Server-Sent Events (WHATWG HTML, section 9.2) that goes on where it was cut off."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import httpx

from ..whole_number import whole_number
from .printer import note

RETRY_SECONDS = 3.0
LONGEST_RETRY_SECONDS = 30.0
MAX_MILLISECONDS = 24 * 60 * 60 * 1000
"""Of what a server may ask to wait."""
SILENCE_SECONDS = 60.0
"""Servers send keep-alives: one that is silent for so long is gone."""
TRY_AGAIN = (429, 502, 503, 504)


class Message(NamedTuple):
    """`event` is empty for a message without a name."""

    event: str
    data: str


class RequestRefused(Exception):
    """The server answered that asking again is of no use; the text says why."""


@dataclass
class EventSource:
    """Reads one address for ever; notes whenever the stream was cut."""

    client: httpx.Client
    path: str
    parameters: Mapping[str, str]
    _last_id: str = ""
    _retry_seconds: float = RETRY_SECONDS

    def messages(self) -> Iterator[Message]:
        """Yield messages, over lost connections and restarts of the server.

        Raises RequestRefused.
        """
        failures = 0
        while True:
            seconds = None
            headers = {"Accept": "text/event-stream"}
            if self._last_id:
                headers["Last-Event-ID"] = self._last_id
            try:
                with self.client.stream(
                    "GET",
                    self.path,
                    params=self.parameters,
                    headers=headers,
                    timeout=httpx.Timeout(10, read=SILENCE_SECONDS),
                ) as response:
                    if response.status_code == 200:
                        failures = 0
                        yield from self._read(response.iter_lines())
                        why = "The server ended the stream"
                    else:
                        why, seconds = refusal(response)
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            if seconds is None:
                longest = min(self._retry_seconds * 2**failures, LONGEST_RETRY_SECONDS)
                # A server that was restarted is not to meet all its clients at once.
                seconds = longest * random.uniform(0.5, 1)  # noqa: S311
            failures += 1
            note(f"{why}; connecting again in {seconds:.1f} s.")
            time.sleep(seconds)

    def _read(self, lines: Iterable[str]) -> Iterator[Message]:
        event = ""
        data: list[str] = []
        for line in lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield Message(event, "\n".join(data))
                event, data = "", []
            elif name == "event":
                event = value
            elif name == "data":
                data.append(value)
            elif name == "id" and "\0" not in value:
                self._last_id = value
            elif (
                name == "retry"
                and (milliseconds := whole_number(value, 0, MAX_MILLISECONDS)) is not None
            ):
                self._retry_seconds = milliseconds / 1000


def refusal(response: httpx.Response) -> tuple[str, float | None]:
    """Return why the server did not serve, and after how many seconds it wants to be asked again.

    Raises RequestRefused.
    """
    response.read()
    try:
        answer = response.json()
        detail = answer.get("detail") or "; ".join(f"{k}: {' '.join(v)}" for k, v in answer.items())
    except (ValueError, AttributeError, TypeError):
        detail = response.reason_phrase
    why = f"The server answered {response.status_code}: {detail}"
    if response.status_code not in TRY_AGAIN:
        raise RequestRefused(why)
    after = whole_number(response.headers.get("Retry-After", ""), 0, MAX_MILLISECONDS // 1000)
    return why.rstrip("."), None if after is None else float(after)
