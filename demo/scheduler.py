"""The scheduler itself: its start, and its restarts for maintenance."""

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
        yield self._no_devices()
        self.spend(0.5, 1.5)
        yield self._started()
        while True:
            start, end = self.outages.next_window(SCHEDULER, self.at)
            self.at = start
            yield self.stopping("maintenance")
            self.at = start + DRAIN_MINUTES * MINUTE
            yield self.stopped()
            self.at = end
            if self.rng.random() < 0.3:
                yield self._no_devices()
            self.spend(0.1, 0.4)
            yield self._started()

    def stopping(self, reason: str) -> Moment:
        return self.tell(
            "scheduler",
            "scheduler_stopping",
            f"Scheduler stopping: {reason}",
            reason=reason,
            device_count=self._device_count,
        )

    def stopped(self) -> Moment:
        return self.tell(
            "scheduler",
            "scheduler_stopped",
            f"Scheduler stopped: all {self._device_count} threads ended",
            device_count=self._device_count,
        )

    def _no_devices(self) -> Moment:
        return self.tell(
            "scheduler",
            "no_devices",
            "Scheduler started, but no active devices found",
            device_count=0,
        )

    def _started(self) -> Moment:
        return self.tell(
            "scheduler",
            "scheduler_started",
            f"Scheduler started with {self._device_count} devices",
            device_count=self._device_count,
        )
