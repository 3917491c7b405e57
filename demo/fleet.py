"""Everyone who tells the story, and how much they have to tell."""

from itertools import takewhile
from typing import NamedTuple

from .cast import Cast
from .dashboard import Dashboard
from .device import DeviceLoop
from .outages import HABITS, HOUR, Outages
from .scheduler import SchedulerVoice
from .storyteller import Moment, Storyteller

SAMPLE_HOURS = 48


class Fleet(NamedTuple):
    """The storytellers of one run."""

    outages: Outages
    scheduler: SchedulerVoice
    devices: tuple[DeviceLoop, ...]
    dashboard: Dashboard

    @classmethod
    def of(cls, cast: Cast, seed: int) -> "Fleet":
        outages = Outages(seed)
        return cls(
            outages,
            SchedulerVoice(len(cast.devices), seed, outages),
            tuple(DeviceLoop(device, cast, seed, outages) for device in cast.devices),
            Dashboard(cast.accounts, seed, outages),
        )

    @property
    def tellers(self) -> tuple[Storyteller, ...]:
        return (self.scheduler, self.dashboard, *self.devices)

    def down(self, at: float) -> list[str]:
        """Name what is out at a simulated second."""
        names = (*HABITS, *(loop.device.name for loop in self.devices))
        return [name for name in names if self.outages.end(name, at) is not None]


def events_per_second(cast: Cast, seed: int) -> float:
    """Return how many events a simulated second has on average, by telling the story once."""
    seconds = SAMPLE_HOURS * HOUR
    told = 0
    for teller in Fleet.of(cast, seed).tellers:
        for item in takewhile(lambda item: item.at < seconds, teller.story()):
            told += isinstance(item, Moment)
    return told / seconds
