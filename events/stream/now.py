"""Where a page stands that is made now: its stream goes on from there, and misses nothing."""

from events.rows import read_rows
from sovi_events.following.position import Position
from sovi_events.statements import gaps_below, newest_id

from .contents import FEEDS
from .place import Place

LOOKBACK_IDS = 5_000
"""How far below the newest id open transactions are looked for."""
MAX_GAPS = 50
"""Of a token that a page holds, and sends in an address.

The newest: the older ones are of rows deleted or never committed, more likely than of open
transactions, and a position below them would have events come again that the page shows."""


def read_now() -> Place:
    """Return the place of a reader that is to read next; what it sees then may lie beyond."""
    newest = ", ".join(f"({newest_id(feed.table)})" for feed in FEEDS)
    [highs] = read_rows(f"SELECT {newest}")
    return Place(*map(_position, (feed.table for feed in FEEDS), highs))


def _position(table: str, newest: int) -> Position:
    floor = max(newest - LOOKBACK_IDS, 0)
    gaps = sorted(read_rows(gaps_below(table), {"high": newest, "floor": floor}))
    return Position(newest, tuple(gaps[-MAX_GAPS:]))
