"""What a client lacks, read from the database: page by page, at the client's pace."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import psycopg
from psycopg.rows import dict_row

from events.batch_size import next_batch_size
from events.filters.event_filter import EventFilter
from events.reading.time_limit import FROM_FIRST_ROWS, local_settings
from events.web.connection_pool import Readers
from sovi_events.following.position import Position
from sovi_events.index_scan import Statement

from . import statements
from .messages import message
from .position_sets import CatchUpPlan, Ranges, above, before, truncate, union
from .resume_token import ResumeToken
from .selection import Selection, matching
from .table_reader import Connection
from .topics import ACTIONS, EVENTS, TOPICS, Action, Event, Topic

FIRST_ROWS, MOST_ROWS = 50, 500
PAGE_BYTES = 256 * 1024
WINDOW_IDS = 200_000
"""How many ids one page of a filtered stream looks through: a filter may match next to nothing.

They begin at a row: sequences are set forward, and old rows pruned, by millions of ids."""
AGAIN_SECONDS = 1.0
PAGE_TIMEOUT_SECONDS = 30.0

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)


class Page(NamedTuple):
    """What to send, its last `id:`, and where the client is after it."""

    chunk: bytes
    token: ResumeToken | None
    place: ResumeToken


async def read_pages(
    readers: Readers,
    start: ResumeToken,
    source: ResumeToken,
    selection: Selection | None,
    shows_actors: bool = True,
) -> AsyncGenerator[Page, None]:
    """Yield what `source` has and `start` lacks, events first, and at last both places united.

    `source` must be settled but for its gaps. Lost connections are waited out. Raises psycopg.Error
    where PostgreSQL refuses the selection.
    """
    place = start
    for topic in TOPICS:
        pages = _read_topic(readers, topic, place, source.of(topic), selection, shows_actors)
        async with aclosing(pages):
            async for page in pages:
                yield page
        place = place.moved(topic, union(start.of(topic), source.of(topic)))
    yield Page(b"", None, place)


async def _read_topic(
    readers: Readers,
    topic: Topic,
    start: ResumeToken,
    source: Position,
    selection: Selection | None,
    shows_actors: bool,
) -> AsyncGenerator[Page, None]:
    course = CatchUpPlan(start.of(topic), source)
    ranges, limit = course.ranges, FIRST_ROWS
    while ranges:
        read_to, contents = await _with_connection(
            readers, _read_page, topic, ranges, limit, selection
        )
        ranges = above(ranges, read_to)
        if not shows_actors:
            contents = [it.without_actor() for it in contents]
        places = [start.moved(topic, course.at(it.id)) for it in contents]
        chunk = b"".join(
            message(place, it.data, it.name) for place, it in zip(places, contents, strict=True)
        )
        token = places[-1] if places else None
        yield Page(chunk, token, start.moved(topic, course.at(read_to)))
        # Rows may be large: keep pages near one size, whatever the first one was.
        limit = next_batch_size(limit, len(chunk), PAGE_BYTES, most=MOST_ROWS)


async def read_backlog(
    readers: Readers, source: Position, count: int, selection: Selection | None
) -> Position:
    """Return the position from which on there are so many events up to `source`."""
    newest = (selection or Selection(EventFilter())).newest(source.high, count)
    event_id = await _with_connection(readers, _read_oldest, newest)
    return source if event_id is None else before(source, event_id)


async def read_last_ids(readers: Readers) -> tuple[int, ...]:
    """Return the last id that the database has given out in each table."""
    return await _with_connection(readers, _read_last_ids)


async def _read_last_ids(connection: Connection) -> tuple[int, ...]:
    cursor = await connection.execute(statements.LAST_IDS.encode())
    return tuple((await cursor.fetchall())[0])


async def _read_oldest(connection: Connection, newest: Statement) -> int | None:
    async with connection.transaction(), psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(*local_settings(FROM_FIRST_ROWS))
        sql, params = newest
        await cursor.execute(statements.oldest_of(sql).encode(), params)
        found: int | None = (await cursor.fetchall())[0][0]
        return found


async def _read_page(
    connection: Connection,
    topic: Topic,
    ranges: Ranges,
    limit: int,
    selection: Selection | None,
) -> tuple[int, list[Event | Action]]:
    """Return up to which id a page goes, and what is wanted of that."""
    rows: Statement = (f"SELECT id FROM {topic.table}", [])  # noqa: S608
    window = ranges
    if topic is EVENTS and selection is not None:
        first = await _ids(connection, rows, ranges, 1)
        if not first:
            return ranges[-1][1], []
        rows, window = selection.query(topic), truncate(above(ranges, first[0] - 1), WINDOW_IDS)
    ids = await _ids(connection, rows, window, limit)
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statements.rows(topic.table, topic.columns).encode(), [ids])
        contents = [topic.content(row) async for row in cursor]
    if topic is ACTIONS and selection is not None:
        about = [event_id for action in contents for event_id in action.event_ids]
        found = (await matching(connection, topic, [selection], about))[selection]
        contents = [it for action in contents if (it := action.restrict_to(found)) is not None]
    # A page that is not full has come to the end of its ranges.
    return ids[-1] if len(ids) == limit else window[-1][1], contents


async def _ids(connection: Connection, wanted: Statement, ranges: Ranges, limit: int) -> list[int]:
    """Return the lowest ids in the ranges that are wanted, so many at most."""
    sql, params = wanted
    firsts, lasts = map(list, zip(*ranges, strict=True))
    async with psycopg.AsyncClientCursor(connection) as cursor:
        given = [firsts, lasts, *params, limit, limit]
        await cursor.execute(statements.page(sql).encode(), given)
        return [row_id for (row_id,) in await cursor.fetchall()]


async def _with_connection(
    readers: Readers,
    run: Callable[Concatenate[Connection, P], Awaitable[T]],
    *args: P.args,
    **options: P.kwargs,
) -> T:
    """Run it with a connection, again and again while that is lost."""
    while True:
        try:
            async with readers.connection() as connection, asyncio.timeout(PAGE_TIMEOUT_SECONDS):
                return await run(connection, *args, **options)
        except (psycopg.OperationalError, TimeoutError, OSError) as error:
            logger.warning("A stream lost PostgreSQL while catching up, trying again: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
