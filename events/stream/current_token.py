"""Where a page stands that is made now: its stream goes on from there, and misses nothing."""

from events.reading.raw_sql import read_rows
from sovi_events.following.position import Position
from sovi_events.statements import gaps_below, newest_id, numbering

from .resume_token import ResumeToken
from .topics import EVENTS, TOPICS

LOOKBACK_IDS = 5_000
"""How far below the newest id open transactions are looked for."""
MAX_GAPS = 50
"""Of a token that a page holds, and sends in an address.

The newest: the older ones are of rows deleted or never committed, more likely than of open
transactions, and a position below them would have events come again that the page shows."""


def read_now() -> ResumeToken:
    """Return the place of a reader that is to read next; what it sees then may lie beyond."""
    newest = ", ".join(f"({newest_id(topic.table)})" for topic in TOPICS)
    [(*highs, name)] = read_rows(f"SELECT {newest}, ({numbering(EVENTS.table)})")
    events, actions = map(_position, (topic.table for topic in TOPICS), highs)
    return ResumeToken(events, actions, name)


def _position(table: str, newest: int) -> Position:
    floor = max(newest - LOOKBACK_IDS, 0)
    gaps = sorted(read_rows(gaps_below(table), {"high": newest, "floor": floor}))
    return Position(newest, tuple(gaps[-MAX_GAPS:]))
