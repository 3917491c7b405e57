"""When what is out: decided by the seed and the simulated time alone."""

from random import Random
from typing import NamedTuple

SCHEDULER = "scheduler"
CAPTCHA = "captcha solver"
APP_STORE = "App Store"
EMAIL = "email provider"

MINUTE = 60.0
HOUR = 3600.0


class Habit(NamedTuple):
    """One outage in each period, this long."""

    period_hours: float
    shortest_minutes: float
    longest_minutes: float


HABITS = {
    "tiktok": Habit(9, 50, 110),
    "instagram": Habit(11, 50, 110),
    CAPTCHA: Habit(8, 40, 90),
    APP_STORE: Habit(10, 40, 80),
    EMAIL: Habit(12, 60, 120),
    SCHEDULER: Habit(24, 55, 65),  # its restart for maintenance
}
DEVICE_HABIT = Habit(16, 15, 50)


class Outages:
    """The outages of one run; the same seed has the same ones.

    One is computed from its period's number and not from the one before, so the threads share no
    state, and everyone's failures fall together.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def next_window(self, name: str, at: float) -> tuple[float, float]:
        """Return start and end of the first outage that begins at `at` or later."""
        number = self._period(name, at)
        start, end = self._window(name, number)
        return (start, end) if at <= start else self._window(name, number + 1)

    def end(self, name: str, at: float) -> float | None:
        """Return when the outage under way at `at` ends, None when there is none."""
        start, end = self._window(name, self._period(name, at))
        return end if start <= at < end else None

    def _period(self, name: str, at: float) -> int:
        return int(at // (HABITS.get(name, DEVICE_HABIT).period_hours * HOUR))

    def _window(self, name: str, number: int) -> tuple[float, float]:
        habit = HABITS.get(name, DEVICE_HABIT)
        period = habit.period_hours * HOUR
        rng = Random(f"{self._seed}/{name}/{number}")
        length = rng.uniform(habit.shortest_minutes, habit.longest_minutes) * MINUTE
        # Never at once, so that a run begins in peace.
        start = number * period + rng.uniform(0.05 * period, period - length)
        return start, start + length
