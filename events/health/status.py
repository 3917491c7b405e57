"""What an operator must know: what is to be mended, how far the ids are, what waits, what grows."""

import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from events import prerequisites
from events.reading.raw_sql import read_rows
from events.reading.time_limit import TookTooLong, time_limit
from events.stream.hub import hubs
from sovi_events import database
from sovi_events.errors import ConfigurationError
from sovi_events.settings import Settings
from sovi_events.spool.folder import require_safe_place
from sovi_events.spool.store import Spool

TIMEOUT_SECONDS = 2.0
ADVICE = "PostgreSQL is busy, or the event table is locked: try again."
FRESH = timedelta(seconds=1)
"""How old an answer may be: those who ask meanwhile are given the same."""
MONTH = timedelta(days=30)
TEN_MILLION = 10_000_000

# NULL where there is no sequence, or this role may not read it.
_LAST_ID = """
SELECT CASE WHEN has_sequence_privilege(name, 'USAGE, SELECT')
            THEN coalesce(pg_sequence_last_value(name::regclass), 0) END
FROM pg_get_serial_sequence('system_events', 'id') AS name
"""
IDS = f"""
SELECT pg_get_serial_sequence('system_events', 'id'), ({_LAST_ID}),
       (SELECT max(id) FROM system_events)
"""  # noqa: S608 - a constant

# As PostgreSQL knows them since it last looked; a table that it never looked at is short.
ROWS = """
SELECT sum(reltuples)::bigint, min(reltuples) < 0 FROM (
    SELECT relid FROM pg_partition_tree('system_events') WHERE isleaf
    UNION SELECT 'system_events'::regclass
) AS part JOIN pg_class ON oid = relid AND relkind = 'r'
"""
COUNT = "SELECT count(*) FROM system_events"

# Few rows of a time come late, with higher ids: the first by time say where the ids of it begin,
# but for those written by hand below the sequence's first.
IDS_SINCE = f"""
SELECT coalesce(coalesce(({_LAST_ID}), (SELECT max(id) FROM system_events))
                - min(id) FILTER (WHERE id > 0) + 1, 0),
       min(timestamp)
FROM (
    SELECT id, timestamp FROM system_events WHERE timestamp >= %s AND timestamp <= now()
    ORDER BY timestamp LIMIT 1000
) AS first
"""  # noqa: S608


class Ids(NamedTuple):
    """How far the ids are: `last_id` is the last that `sequence` gave out, `highest_id` a row's.

    None where there is none, or none that this process may read.
    """

    sequence: str | None
    last_id: int | None
    highest_id: int | None


class Growth(NamedTuple):
    """About how many events there are, how many came in 30 days, and when the table holds `next`.

    `reached_at` is None where nothing came, or it is more than a century away.
    """

    rows: int
    per_month: int
    next: int
    reached_at: datetime | None


class Streams(NamedTuple):
    """Of this process: how many are open, when the tables were read last, what may yet commit."""

    open: int
    lag_seconds: float | None
    open_gaps: int


class SpoolContents(NamedTuple):
    """What waits on this host for the database; `problem` says why it can't be read."""

    folder: str
    events: int
    since: datetime | None
    dead_letters: int
    used_bytes: int
    limit_bytes: int
    problem: str


class Status(NamedTuple):
    """`problem` is why the database doesn't say the three after it."""

    as_of: datetime
    problem: str
    obstacles: list[prerequisites.Obstacle]
    ids: Ids | None
    growth: Growth | None
    streams: Streams
    spool: SpoolContents


_looking = threading.Lock()
_latest: Status | None = None


def read_status() -> Status:
    """Return what is so, or was a moment ago; one at a time looks."""
    global _latest
    with _looking:
        if _latest is None or timezone.now() - _latest.as_of >= FRESH:
            of_tables, streams, spool = _read_tables(), read_streams(), read_spool()
            _latest = Status(timezone.now(), *of_tables, streams, spool)
        return _latest


def _read_tables() -> tuple[str, list[prerequisites.Obstacle], Ids | None, Growth | None]:
    run = partial(read_rows, using=DEFAULT_DB_ALIAS)
    try:
        with time_limit(TIMEOUT_SECONDS, advice=ADVICE):
            growth = _read_growth(run, timezone.now())
            return "", prerequisites.find(run), Ids(*run(IDS)[0]), growth
    except TookTooLong as error:
        return str(error), [], None, None


def _read_growth(run: Callable[..., list[tuple[Any, ...]]], now: datetime) -> Growth:
    [(rows, is_unknown)] = run(ROWS)
    if is_unknown or rows is None:
        [(rows,)] = run(COUNT)
    [(came, first)] = run(IDS_SINCE, [now - MONTH])
    # A table without a sequence says nothing of what came; a younger one than a month is rated.
    came = min(max(came, 0), rows)
    age = max(now - first, timedelta(days=1)) if first else MONTH
    per_month = round(came * (MONTH / age))
    following = (rows // TEN_MILLION + 1) * TEN_MILLION
    months = (following - rows) / per_month if per_month else float("inf")
    return Growth(rows, per_month, following, now + MONTH * months if months < 1200 else None)


def read_streams() -> Streams:
    found = hubs()
    lags = [lag for hub in found if (lag := hub.lag_seconds) is not None]
    return Streams(
        sum(len(hub.clients) for hub in found),
        max(lags, default=None),
        sum(hub.follower.open_gaps for hub in found),
    )


def read_spool() -> SpoolContents:
    try:
        settings = Settings.read()
    except ConfigurationError as error:
        return SpoolContents("", 0, None, 0, 0, 0, str(error))
    spool = Spool(settings.spool_folder / database.identity(), settings.spool_bytes)
    nothing = SpoolContents(str(spool.folder), 0, None, 0, 0, spool.limit_bytes, "")
    try:
        require_safe_place(spool.folder)  # said before the first outage needs it
        if not spool.exists():
            return nothing
        found = spool.contents()
    except (OSError, sqlite3.Error) as error:
        return nothing._replace(problem=str(error))
    return nothing._replace(
        events=found.events,
        since=None if found.since is None else datetime.fromtimestamp(found.since, UTC),
        dead_letters=found.dead_letters,
        used_bytes=found.used_bytes,
    )
