"""What a story consists of, and the base of those who tell one.

Stories are pure: they run on simulated time, and the seed alone decides what happens.
"""

from collections.abc import Generator, Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from sovi_events import catalog

from .cast import PlayedAccount, PlayedDevice
from .outages import MINUTE, SCHEDULER, Outages

_SEVERITY = {(known.category, known.name): known.severity for known in catalog.EVENT_TYPES}
RESOLVED_SHARE = 0.3
FAILING_SHARE = 0.85
"""How much of what depends on something fails while that is out."""


class Moment(NamedTuple):
    """One event, `at` simulated seconds after the beginning; `number` is its place in the story."""

    at: float
    number: int
    category: str
    event_type: str
    message: str
    device: PlayedDevice | None
    account: PlayedAccount | None
    context: dict[str, object]

    @property
    def severity(self) -> str:
        return _SEVERITY[self.category, self.event_type]

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
Part = Generator[Item, None, None]


class Storyteller:
    """One voice of the story, with a clock and a chance of its own."""

    device: PlayedDevice | None = None

    def __init__(self, name: str, seed: int, outages: Outages) -> None:
        self.at = 0.0
        self.rng = Random(f"{seed}/{name}")
        self.outages = outages
        self._told = 0

    def story(self) -> Story:
        """Tell without end."""
        raise NotImplementedError

    def tell(
        self,
        category: str,
        event_type: str,
        message: str,
        account: PlayedAccount | None = None,
        **context: object,
    ) -> Moment:
        """Return the next moment, now."""
        self._told += 1
        return Moment(
            self.at, self._told, category, event_type, message, self.device, account, context
        )

    def fail(self, failures: list[int], moments: Iterable[Moment]) -> Part:
        """Tell failures, and note them for `settle`."""
        for moment in moments:
            failures.append(moment.number)
            yield moment

    def settle(self, failures: list[int], reason: str) -> Part:
        """Resolve the noted failures now and then; most people's stay open until someone looks."""
        if failures and self.rng.random() < RESOLVED_SHARE:
            for number in failures:
                yield Resolution(self.at, number, reason)

    def retry_later(self) -> Part:
        """Wait before the next try of what failed."""
        self.pause(4, 9)
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
