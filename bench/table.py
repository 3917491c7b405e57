"""Comparisons printed as a table, one line each."""

import statistics
from collections.abc import Iterable

from .comparison import Comparison, Measurement

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
