"""Two ways to do the same, measured in turns, and the table of their ratios."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple


class Measurement(NamedTuple):
    """One lap: what it took altogether, and each of its operations."""

    seconds: float
    operation_seconds: list[float]

    @property
    def rate(self) -> float:
        """Operations a second."""
        return len(self.operation_seconds) / self.seconds

    def percentile(self, percent: int) -> float:
        """Seconds that so many of a hundred operations took at most."""
        operations = len(self.operation_seconds)
        return sorted(self.operation_seconds)[(operations * percent - 1) // 100]


Lap = Callable[[], Measurement]
"""Does its work once."""


class Comparison(NamedTuple):
    """Our laps and the raw ones, taken in pairs; `items` is what one operation carries."""

    name: str
    ours: list[Measurement]
    raw: list[Measurement]
    items: int = 1

    @property
    def ratios(self) -> list[float]:
        """Our rate over the raw rate, pair by pair: more is better."""
        return [ours.rate / raw.rate for ours, raw in zip(self.ours, self.raw, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)


def compare(name: str, ours: Lap, raw: Lap, *, rounds: int, items: int = 1) -> Comparison:
    """Run both in turns, `rounds` times each, after one lap of each to warm up."""
    return Comparison(name, *take_turns((ours, raw), rounds=rounds), items)


def take_turns(laps: Sequence[Lap], *, rounds: int) -> list[list[Measurement]]:
    """Run each lap once to warm up, then all in turns; return what each took, round by round.

    Who goes first changes with every round, so that a machine that gets slower favours none.
    """
    for lap in laps:
        lap()
    taken: list[list[Measurement]] = [[] for _ in laps]
    turns = list(zip(laps, taken, strict=True))
    for number in range(rounds):
        for lap, measurements in turns if number % 2 == 0 else reversed(turns):
            measurements.append(lap())
    return taken


def timed(operation: Callable[[], object], count: int = 1) -> Measurement:
    """Run an operation `count` times, one after the other."""
    seconds = []
    began = time.perf_counter()
    for _ in range(count):
        before = time.perf_counter()
        operation()
        seconds.append(time.perf_counter() - before)
    return Measurement(time.perf_counter() - began, seconds)


def timed_together(operations: Sequence[Callable[[], object]], count: int) -> Measurement:
    """Run each operation `count` times in a thread of its own, all at once.

    A single one runs in this thread: else the switches of threads would be measured with it.
    """
    if len(operations) == 1:
        return timed(operations[0], count)
    began = time.perf_counter()
    with ThreadPoolExecutor(len(operations)) as threads:
        laps = list(threads.map(lambda operation: timed(operation, count), operations))
    seconds = time.perf_counter() - began
    return Measurement(seconds, [second for lap in laps for second in lap.operation_seconds])


_LINE = "{:<26} {:>24} {:>24} {:>8}  {}"


def print_table(ours: str, raw: str, comparisons: Iterable[Comparison]) -> None:
    """Print median rate and median latency of both, and the ratio of our rate to the raw one.

    The ratio is the median of the rounds' ratios, the lowest and highest stand behind it.
    """
    print(f"Ratios are of rates: above 1.00x, {ours} is quicker.")
    print(_LINE.format("", ours, raw, "ratio", "(lowest to highest)").rstrip())
    for it in comparisons:
        spread = f"({min(it.ratios):.2f} to {max(it.ratios):.2f})"
        cells = (_cell(laps, it.items) for laps in (it.ours, it.raw))
        print(_LINE.format(it.name, *cells, f"{it.ratio:.2f}x", spread), flush=True)


def _cell(laps: list[Measurement], items: int) -> str:
    rate = statistics.median(lap.rate for lap in laps) * items
    latency = statistics.median(second for lap in laps for second in lap.operation_seconds)
    return f"{rate:,.0f}/s {latency * 1000:,.3f} ms"
