"""A story played in real time, through the producers' library."""

import asyncio
import threading
import time
from typing import Any

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
        """Play to the end or until it is stopped, in this thread."""
        for item in self._story:
            if self._stop.wait(self._delay_seconds(item)):
                return
            while not self.send(item):
                if self._stop.wait(RETRY_SECONDS):
                    return

    def _delay_seconds(self, item: Item) -> float:
        delay = self._began + item.at / self._speed - time.monotonic()
        if delay < -LATE_SECONDS:
            self._began -= delay
        return max(0.0, delay)

    def send(self, item: Item) -> bool:
        """Emit or resolve; return False when the database did not take it."""
        try:
            if isinstance(item, Moment):
                self._note(item, self._emit(**item.arguments()))
            elif event_id := self._ids.get(item.number):
                self._resolve(event_id, "auto", actor=ACTOR, reason=item.reason)
                self._progress.resolved()
        except events.InvalidEvent:
            raise
        except AWAY as error:
            self._progress.away(str(error))
            return False
        return True

    def _emit(self, **arguments: Any) -> int | None:
        return events.emit(**arguments)

    def _resolve(self, *arguments: Any, **options: Any) -> None:
        events.resolve(*arguments, **options)

    def _note(self, moment: Moment, event_id: int | None) -> None:
        self._progress.told(moment, stored=event_id is not None)
        # Without an id it waits on this machine's disk, and its resolution is left out.
        if moment.severity != "info" and event_id is not None:
            self._ids[moment.number] = event_id
            if len(self._ids) > REMEMBERED:
                del self._ids[next(iter(self._ids))]


class AsyncPlayer(Player):
    """Plays through the `async_` calls, in an event loop of its thread."""

    def play(self) -> None:
        with asyncio.Runner() as self._runner:
            super().play()

    def _emit(self, **arguments: Any) -> int | None:
        return self._runner.run(events.async_emit(**arguments))

    def _resolve(self, *arguments: Any, **options: Any) -> None:
        self._runner.run(events.async_resolve(*arguments, **options))
