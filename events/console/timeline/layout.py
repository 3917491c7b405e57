"""A timeline drawn by the server: lanes by category, in them a row for each severity.

Places across are per cent of the width, so that one picture fits every screen; down, pixels.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from events.models import SystemEvent
from sovi_events import catalog

from .period import Period
from .recoveries import Outage

COLUMNS = 240
"""Events of one severity that fall into the same of so many parts of the width are one mark."""

ROW_PIXELS = 18
PADDING_PIXELS = 5
GRAVEST_FIRST = catalog.SEVERITIES[::-1]
OTHER = "other"


@dataclass(frozen=True)
class Mark:
    """One event, or several that stand too close to be told apart, ascending in time."""

    severity: str
    x: str
    y: int
    events: list[SystemEvent]


@dataclass(frozen=True)
class Bar:
    """How long an outage lasted; it reaches to the edge where nothing has ended it."""

    x: str
    width: str
    y: int
    outage: Outage


@dataclass
class Lane:
    category: str
    events: int = 0
    height: int = 0
    marks: list[Mark] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)


def lanes(events: Sequence[SystemEvent], outages: Sequence[Outage], period: Period) -> list[Lane]:
    """Lay out events that ascend in time: the catalogue's categories first, then others by name."""
    by_category: dict[str, list[SystemEvent]] = defaultdict(list)
    for event in events:
        by_category[event.category].append(event)
    known = [name for name in catalog.CATEGORIES if name in by_category]
    names = known + sorted(by_category.keys() - set(known))
    return [_lane(name, by_category[name], outages, period) for name in names]


def percent(place: float) -> str:
    return f"{place * 100:.2f}%"


def _lane(
    category: str, events: Sequence[SystemEvent], outages: Sequence[Outage], period: Period
) -> Lane:
    cells: dict[tuple[str, int], list[SystemEvent]] = defaultdict(list)
    for event in events:
        cells[_severity(event), _column(event.timestamp, period)].append(event)
    present = {severity for severity, _ in cells}
    rows = [severity for severity in (*GRAVEST_FIRST, OTHER) if severity in present]
    middles = {
        severity: PADDING_PIXELS + number * ROW_PIXELS + ROW_PIXELS // 2
        for number, severity in enumerate(rows)
    }
    lane = Lane(category, len(events), 2 * PADDING_PIXELS + len(rows) * ROW_PIXELS)
    for (severity, _), together in cells.items():
        place = period.place(together[len(together) // 2].timestamp)
        lane.marks.append(Mark(severity, percent(place), middles[severity], together))
    for outage in outages:
        if outage.first.category == category:
            start = period.place(outage.first.timestamp)
            end = period.place(outage.recovery.timestamp) if outage.recovery else 1.0
            y = middles[_severity(outage.first)]
            lane.bars.append(Bar(percent(start), percent(end - start), y, outage))
    return lane


def _severity(event: SystemEvent) -> str:
    return event.severity if event.severity in catalog.SEVERITIES else OTHER


def _column(instant: datetime, period: Period) -> int:
    return int(period.place(instant) * COLUMNS)
