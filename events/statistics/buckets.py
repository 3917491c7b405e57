"""Time cut into buckets, in a time zone."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from events.times import parse_duration

MAX_BUCKETS = 2_000
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Buckets:
    """Where each bucket begins, ascending, and where the last one ends; UTC."""

    starts: tuple[datetime, ...]
    end: datetime

    @property
    def since(self) -> datetime:
        return self.starts[0]

    @property
    def edges(self) -> tuple[datetime, ...]:
        return (*self.starts, self.end)


def parse_length(text: str) -> timedelta:
    """Read the length of a bucket: whole minutes that divide a day, or whole days.

    Raises ValueError.
    """
    length = parse_duration(text)
    whole = length > timedelta(0) and not length % timedelta(minutes=1)
    if not whole or (DAY % length if length < DAY else length % DAY):
        raise ValueError(
            f"{text!r} must be whole minutes that divide a day, such as 15m or 6h, or whole days "
            "or weeks."
        )
    return length


def cover(since: datetime, until: datetime, length: timedelta, zone: ZoneInfo) -> Buckets:
    """Return the buckets that hold [since, until), the first and the last one whole.

    Days begin at local midnight, weeks on Monday. Shorter buckets have their exact length and are
    counted from local midnight; where clocks change, the last of a day may be cut short. Raises
    ValueError for more than `MAX_BUCKETS`, and for times at either end of the calendar.
    """
    if since >= until:
        raise ValueError("This must be earlier than until.")
    try:
        edges = _days(since, length, zone) if length >= DAY else _parts(since, length, zone)
        found: list[datetime] = []
        for edge in islice(edges, MAX_BUCKETS + 2):
            # The day that a country skips on its way over the date line begins where the next does.
            if not found or edge > found[-1]:
                found.append(edge)
            if edge >= until:
                return Buckets(tuple(found[:-1]), found[-1])
    except OverflowError:
        raise ValueError("This is too near an end of the calendar.") from None
    raise ValueError(
        f"That would be more than {MAX_BUCKETS} buckets: narrow the range or use longer ones."
    )


def _days(since: datetime, length: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    days = length // DAY
    ordinal = since.astimezone(zone).date().toordinal()
    first = ordinal - (ordinal - 1) % days  # the first of January of the year 1 was a Monday
    while True:
        yield _midnight(first, zone)
        first += days


def _parts(since: datetime, length: timedelta, zone: ZoneInfo) -> Iterator[datetime]:
    first_day = since.astimezone(zone).date().toordinal()
    midnights = (_midnight(first_day + number, zone) for number in range(MAX_BUCKETS + 2))
    for midnight, next_midnight in pairwise(midnights):
        edge = midnight + max((since - midnight) // length, 0) * length
        while edge < next_midnight:
            yield edge
            edge += length


def _midnight(ordinal: int, zone: ZoneInfo) -> datetime:
    """The first instant of a local day: where clocks skip midnight, the moment they do."""
    if not 1 < ordinal < date.max.toordinal():
        raise OverflowError
    return datetime.fromordinal(ordinal).replace(tzinfo=zone).astimezone(UTC)
