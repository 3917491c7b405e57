"""Dropped events, which found no room anywhere: written to stderr, counted, and reported later."""

import json
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from ..record import Record
from ..writing.batch import Batch, as_datetime
from ..writing.bounded import BoundedConnection
from ..writing.insert import Rejected, store

REPORT_SECONDS = 10.0


class Losses:
    """How many events a process could neither store nor spool, and since when."""

    def __init__(self) -> None:
        # No lock: `add` may have interrupted `report` in its own thread.
        self._lost: deque[float] = deque()

    @property
    def count(self) -> int:
        return len(self._lost)

    def add(self, batch: Batch, reason: str) -> None:
        """Write each event to stderr, as a line of JSON with the reason, and count it."""
        for event, when in zip(batch.as_dicts(), batch.times, strict=True):
            line = {"not_stored": reason, **event}
            with suppress(OSError):
                os.write(2, (json.dumps(line, default=str) + "\n").encode())
            self._lost.append(when)

    def report(self, connection: BoundedConnection) -> None:
        """Emit an event with their number and times. Raises `DatabaseDown`."""
        count = self.count
        if not count:
            return
        with suppress(Rejected):  # stderr has them
            store(
                connection, [self._report_event(count)], deadline=time.monotonic() + REPORT_SECONDS
            )
        self._forget(count)

    def leave(self, keep: Callable[[Batch], bool]) -> None:
        """At the program's end, leave that event to the spool, if it has room by now."""
        count = self.count
        if count and keep(self._report_event(count)):
            self._forget(count)

    def _report_event(self, count: int) -> Batch:
        since, until = (as_datetime(self._lost[at]).isoformat() for at in (0, count - 1))
        host = socket.gethostname()
        record = Record.of(
            "events",
            "error",
            "events_lost",
            f"{count} events of process {os.getpid()} on {host} between {since} and {until} could "
            "not be kept: they stand on its standard error only",
            context={
                "count": count,
                "since": since,
                "until": until,
                "host": host,
                "process": os.getpid(),
            },
        )
        return Batch([record], [time.time()])

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._lost.popleft()
