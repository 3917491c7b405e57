"""A row of small bars, drawn by the server, and the same in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from events.web import event_html

BAR, GAP, HEIGHT = 3, 1, 20


@dataclass(frozen=True)
class Sparkline:
    """Bars as (left edge, top, height) in units of the view box, and what they say."""

    bars: list[tuple[int, int, int]]
    width: int
    height: int
    text: str


def hourly(counts: Sequence[int]) -> Sparkline:
    """Draw how many came in each of the last hours, ascending; each row to its own highest bar."""
    most = max(counts, default=0)
    bars = []
    for number, count in enumerate(counts):
        # Where something happened there is something to see.
        height = max(round(count / most * HEIGHT), 2) if count else 0
        bars.append((number * (BAR + GAP), HEIGHT - height, height))
    return Sparkline(
        [bar for bar in bars if bar[2]],
        len(counts) * (BAR + GAP) - GAP,
        HEIGHT,
        _words(counts, most),
    )


def _words(counts: Sequence[int], most: int) -> str:
    if not most:
        return _("None in the last %(hours)s hours.") % {"hours": len(counts)}
    return _("%(count)s in the last %(hours)s hours, at most %(most)s in one hour.") % {
        "count": event_html.number(sum(counts)),
        "hours": len(counts),
        "most": event_html.number(most),
    }
