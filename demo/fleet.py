"""Everyone who tells the story, and how much they have to tell."""

from itertools import takewhile

from .cast import Cast
from .device import DeviceLoop
from .logins import Dashboard
from .outages import HABITS, HOUR, Outages
from .scheduler import SchedulerVoice
from .storyteller import Moment, Storyteller

SAMPLE_HOURS = 48


class Fleet:
    """The storytellers of one run."""

    def __init__(self, cast: Cast, seed: int) -> None:
        self.outages = Outages(seed)
        self.scheduler = SchedulerVoice(len(cast.devices), seed, self.outages)
        self.dashboard = Dashboard(cast.accounts, seed, self.outages)
        self.devices = [DeviceLoop(device, cast, seed, self.outages) for device in cast.devices]

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
    for teller in Fleet(cast, seed).tellers:
        for item in takewhile(lambda item: item.at < seconds, teller.story()):
            told += isinstance(item, Moment)
    return told / seconds
