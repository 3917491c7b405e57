"""What a story consists of, and the base of those who tell one.

Stories are pure: they run on simulated time, and the seed alone decides what happens.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple

from sovi_events import catalog

from .cast import PlayedAccount, PlayedDevice
from .messages import MESSAGES
from .outages import MINUTE, SCHEDULER, Outages

_SEVERITY = {(known.category, known.name): known.severity for known in catalog.EVENT_TYPES}
_CATEGORY = {known.name: known.category for known in catalog.EVENT_TYPES}
RESOLVED_SHARE = 0.3
FAILING_SHARE = 0.85
"""How much of what depends on something fails while that is out."""


class Moment(NamedTuple):
    """One event, `at` simulated seconds after the beginning; `number` is its place in the story."""

    at: float
    number: int
    category: str
    severity: str
    event_type: str
    message: str
    device: PlayedDevice | None
    account: PlayedAccount | None
    context: dict[str, object]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `events.emit`."""
        return {
            "category": self.category,
            "severity": self.severity,
            "event_type": self.event_type,
            "message": self.message,
            "device_id": self.device.id if self.device else None,
            "account_id": self.account.id if self.account else None,
            "context": self.context,
        }


class Resolution(NamedTuple):
    """The failure told as `number` is found to be over."""

    at: float
    number: int
    reason: str


Item = Moment | Resolution
Story = Iterator[Item]
Moments = Iterator[Moment]


class Storyteller:
    """One voice of the story, with a clock and a chance of its own."""

    device: PlayedDevice | None = None

    def __init__(self, name: str, seed: int, outages: Outages) -> None:
        self._name = name
        self.at = 0.0
        self.rng = Random(f"{seed}/{name}")
        self.outages = outages
        self._told = 0

    def story(self) -> Story:
        """Tell without end."""
        raise NotImplementedError

    def tell(
        self,
        event_type: str,
        account: PlayedAccount | None = None,
        *,
        category: str | None = None,
        **context: object,
    ) -> Moment:
        """Return the next moment, now; its context begins with what it happens to.

        `category` is asked for where two of them know the event type.
        """
        self._told += 1
        if account:
            context = {"platform": account.platform, **context}
        elif self.device:
            context = {"device_name": self.device.name, **context}
        place = f"on {self.device.name}" if self.device else f"from the {self._name}"
        message = MESSAGES[event_type].format(
            account=account, device=self.device, place=place, **context
        )
        category = category or _CATEGORY[event_type]
        kind = (category, _SEVERITY[category, event_type], event_type)
        return Moment(self.at, self._told, *kind, message, self.device, account, context)

    def until_it_works(self, attempt: Callable[..., Moments], *of: object, over: str) -> Story:
        """Repeat an attempt until it tells of no failure; `over` says that it worked at last."""
        failures: list[int] = []
        while True:
            failed_before = len(failures)
            for moment in attempt(*of):
                yield moment
                if moment.severity != "info":
                    failures.append(moment.number)
            if len(failures) == failed_before:
                break
            self.pause(4, 9)
            yield from self.reconnect()
        yield from self.settle(failures, over)

    def settle(self, failures: list[int], over: str) -> Story:
        """Resolve failures now and then; most people's stay open until someone looks."""
        if failures and self.rng.random() < RESOLVED_SHARE:
            for number in failures:
                yield Resolution(self.at, number, over)

    def reconnect(self) -> Story:
        """Wait until the device is there; who has none goes on at once."""
        yield from ()

    def spend(self, shortest_minutes: float, longest_minutes: float) -> float:
        """Let time pass in the middle of something; return the minutes."""
        minutes = self.rng.uniform(shortest_minutes, longest_minutes)
        self.at += minutes * MINUTE
        return minutes

    def pause(self, shortest_minutes: float, longest_minutes: float) -> None:
        """Let time pass between two things; nothing begins while the scheduler is stopped."""
        self.spend(shortest_minutes, longest_minutes)
        if restarted := self.outages.end(SCHEDULER, self.at):
            self.at = restarted
            self.spend(0.5, 6)

    def hindered(self, *names: str, chance: float = 0.02) -> str | None:
        """Return which of the named is out and makes this fail, "" for plain bad luck, or None."""
        for name in names:
            out = self.outages.end(name, self.at) is not None
            if out and self.rng.random() < FAILING_SHARE:
                return name
        return "" if self.rng.random() < chance else None
