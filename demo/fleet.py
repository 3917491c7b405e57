"""Everyone who tells the story, and how much they have to tell."""

from itertools import takewhile
from typing import NamedTuple

from .cast import Cast
from .dashboard import Dashboard
from .device import DeviceLoop
from .outages import HABITS, HOUR, Outages
from .scheduler import SchedulerVoice
from .storyteller import Moment

SAMPLE_HOURS = 48


class Fleet(NamedTuple):
    """The storytellers of one run; those in `threads` have a thread each."""

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

    def down(self, at: float) -> list[str]:
        """Name what is out at a simulated second."""
        return self.outages.under_way((*HABITS, *(it.device.name for it in self.devices)), at)


def events_per_second(cast: Cast, seed: int) -> float:
    """Return how many events a simulated second has on average, by telling the story once."""
    fleet = Fleet.of(cast, seed)
    seconds = SAMPLE_HOURS * HOUR
    return (
        sum(
            isinstance(item, Moment)
            for teller in (fleet.scheduler, *fleet.devices, fleet.dashboard)
            for item in takewhile(lambda item: item.at < seconds, teller.story())
        )
        / seconds
    )
