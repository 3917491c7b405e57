"""A story played in real time, through the producers' library."""

import asyncio
import threading
import time

from sovi import events
from sovi_events.errors import DatabaseConfigurationError

from .progress import Progress
from .storyteller import Item, Moment, Story

RETRY_SECONDS = 0.5
LATE_SECONDS = 2.0
REMEMBERED = 1000
ACTOR = "scheduler"

# A configuration error too: the embedded server may be the one that does not come up again.
AWAY = (events.EventsError, DatabaseConfigurationError)


class Player:
    """Plays one story at `speed` simulated seconds a second, from `at` on, until `stop` is set.

    Events that the database does not take wait on disk; a resolution is tried again. After such a
    wait the rest is played at the same speed and not all at once.
    """

    def __init__(
        self,
        story: Story,
        speed: float,
        stop: threading.Event,
        progress: Progress,
        at: float = 0.0,
    ) -> None:
        self._story = story
        self._speed = speed
        self._stop = stop
        self._progress = progress
        self._began = time.monotonic() - at / speed
        self._ids: dict[int, int] = {}

    @property
    def at(self) -> float:
        """The simulated second that is now."""
        return (time.monotonic() - self._began) * self._speed

    def play(self) -> None:
        """Play in this thread, with `events.emit`."""
        for item in self._story:
            if self._stop.wait(self._delay_seconds(item)):
                return
            while not self.send(item):
                if self._stop.wait(RETRY_SECONDS):
                    return

    async def async_play(self) -> None:
        """Play in the running event loop, with `events.async_emit`."""
        for item in self._story:
            if await self._async_wait(self._delay_seconds(item)):
                return
            while not await self._async_send(item):
                if await self._async_wait(RETRY_SECONDS):
                    return

    def _delay_seconds(self, item: Item) -> float:
        delay = self._began + item.at / self._speed - time.monotonic()
        if delay < -LATE_SECONDS:
            self._began -= delay
        return max(0.0, delay)

    async def _async_wait(self, seconds: float) -> bool:
        return await asyncio.to_thread(self._stop.wait, seconds)

    def send(self, item: Item) -> bool:
        """Emit or resolve; return False when the database did not take it."""
        try:
            if isinstance(item, Moment):
                self._told(item, events.emit(**item.arguments()))
            elif event_id := self._ids.get(item.number):
                events.resolve(event_id, "auto", actor=ACTOR, reason=item.reason)
                self._progress.resolved()
        except events.InvalidEvent:
            raise
        except AWAY as error:
            self._progress.away(error)
            return False
        return True

    async def _async_send(self, item: Item) -> bool:
        try:
            if isinstance(item, Moment):
                self._told(item, await events.async_emit(**item.arguments()))
            elif event_id := self._ids.get(item.number):
                await events.async_resolve(event_id, "auto", actor=ACTOR, reason=item.reason)
                self._progress.resolved()
        except events.InvalidEvent:
            raise
        except AWAY as error:
            self._progress.away(error)
            return False
        return True

    def _told(self, moment: Moment, event_id: int | None) -> None:
        self._progress.told(moment, stored=event_id is not None)
        # Without an id it waits on this machine's disk, and its resolution is left out.
        if moment.severity != "info" and event_id is not None:
            self._ids[moment.number] = event_id
            if len(self._ids) > REMEMBERED:
                del self._ids[next(iter(self._ids))]
