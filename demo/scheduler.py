"""The scheduler itself: its start, and its restarts for maintenance."""

from typing import Any

from .outages import MINUTE, SCHEDULER, Outages
from .storyteller import Moment, Story, Storyteller

DRAIN_MINUTES = 50
"""Longer than a session: when all threads have come to their end."""


class SchedulerVoice(Storyteller):
    """What the scheduler says about itself."""

    def __init__(self, device_count: int, seed: int, outages: Outages) -> None:
        super().__init__(SCHEDULER, seed, outages)
        self._device_count = device_count

    def story(self) -> Story:
        yield self.tell("no_devices", device_count=0)
        self.spend(0.5, 1.5)
        yield self._tell("scheduler_started")
        while True:
            start, end = self.outages.next_window(SCHEDULER, self.at)
            self.at = start
            yield self.stopping("maintenance")
            self.at = start + DRAIN_MINUTES * MINUTE
            yield self.stopped()
            self.at = end
            if self.rng.random() < 0.3:
                yield self.tell("no_devices", device_count=0)
            self.spend(0.1, 0.4)
            yield self._tell("scheduler_started")

    def stopping(self, reason: str) -> Moment:
        return self._tell("scheduler_stopping", reason=reason)

    def stopped(self) -> Moment:
        return self._tell("scheduler_stopped")

    def _tell(self, event_type: str, **context: Any) -> Moment:
        return self.tell(event_type, device_count=self._device_count, **context)
