"""The events of one call on their way to the table, and how their caller waits."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from ..errors import InvalidEvent
from ..record import Record
from .batch import Batch
from .bell import Bell

EVENTS_PER_TIMEOUT = 10_000
"""A call may take as many times longer as it brings this many events."""
GRACE_SECONDS = 5.0
"""How long past its time a leader is waited for: its thread may be frozen by the program's end."""

Ids = list[int | None]


class Call:
    """The events of one call on their way; `ids` once they arrived."""

    __slots__ = (
        "_woken",
        "deadline",
        "following",
        "ids",
        "left",
        "mistake",
        "records",
        "time",
        "together",
        "was_kept",
    )

    def __init__(self, records: Sequence[Record], timeout_seconds: float) -> None:
        self.records = records
        self.time = time.time()
        self.deadline = time.monotonic() + timeout_seconds * (1 + len(records) / EVENTS_PER_TIMEOUT)
        self.ids: Ids | None = None
        self.mistake: InvalidEvent | None = None
        self.together: Batch | None = None  # what it is being stored with
        self.was_kept = False  # whether its caller gave its leader up, and kept that in a slip
        self.following: Call | None = None  # who leads after it
        self.left = False  # whether its thread has gone, and won't lead any more
        self._woken: Bell | None = None

    def batch(self) -> Batch:
        return Batch(self.records, [self.time] * len(self.records))

    def result(self) -> Ids:
        if self.mistake is not None:
            raise self.mistake
        return self.ids or []

    def queue(self) -> None:
        self._woken = Bell()

    def wait(self, seconds: float) -> bool:
        """Wait until the events arrived, or the caller leads; return False if neither happens."""
        return self._woken is not None and self._woken.wait(seconds)

    def patience(self, seconds: float) -> float:
        """Return for how long to wait at most so many seconds, and not past the deadline."""
        left = self.deadline - time.monotonic()
        return min(seconds, left) if left > 0 else seconds

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() > self.deadline

    @property
    def is_late(self) -> bool:
        """Whether it is so long past its time that who should store it must be lost."""
        return time.monotonic() > self.deadline + GRACE_SECONDS

    def wake(self) -> None:
        """Tell the caller that its events arrived, or that it leads; again, if need be."""
        if self._woken is not None:
            self._woken.ring()


def batch_of(calls: Sequence[Call]) -> Batch:
    """Return the events of all calls as one batch; they have no receipts of their own yet."""
    if len(calls) == 1:
        return calls[0].batch()
    return Batch(
        [record for call in calls for record in call.records],
        [call.time for call in calls for _ in call.records],
    )


class LoopCall(Call):
    """A call from an event loop, which must not block: a thread leads for it."""

    __slots__ = ("_arrived", "_loop")

    def __init__(self, records: Sequence[Record], timeout_seconds: float) -> None:
        super().__init__(records, timeout_seconds)
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Future[None] = self._loop.create_future()

    async def arrived(self, seconds: float) -> bool:
        """Wait until the events arrived; return False if they don't."""
        await asyncio.wait([self._arrived], timeout=seconds)
        return self._arrived.done()

    def queue(self) -> None:
        pass

    def wake(self) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrive)

    def _arrive(self) -> None:
        if not self._arrived.done():
            self._arrived.set_result(None)
