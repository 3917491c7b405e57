"""What a client lacks, read from the database: page by page, at the client's pace."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import psycopg

from sovi.events.position import Position
from sovi.events.statements import LAST_ID

from . import statements
from .connections import Readers
from .messages import identify, message
from .positions import Ranges, above, lacking, united, up_to
from .rows import read
from .selection import Selection, matching

FIRST_ROWS, MOST_ROWS = 50, 500
PAGE_BYTES = 256 * 1024
AGAIN_SECONDS = 1.0
PAGE_TIMEOUT_SECONDS = 30.0

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Page(NamedTuple):
    """What to send, and where the client is after it; the chunk's last `id:` says the same."""

    chunk: bytes
    position: Position


async def read_pages(
    readers: Readers, start: Position, source: Position, selection: Selection | None
) -> AsyncGenerator[Page, None]:
    """Yield the events that `source` has and `start` lacks, ascending, and at last both united.

    `source` must be settled but for its gaps. Lost connections are waited out. Raises psycopg.Error
    where PostgreSQL refuses the selection.
    """
    ranges = lacking(start, source)
    limit = FIRST_ROWS
    while ranges:
        ids, data = await _with_connection(readers, _page_reader(ranges, limit, selection))
        if not ids:
            break
        position = united(start, up_to(source, ids[-1]))
        chunks = [message(united(start, up_to(source, i)), row) for i, row in data.items()]
        if ids[-1] not in data:
            chunks.append(identify(position))
        chunk = b"".join(chunks)
        yield Page(chunk, position)
        ranges = above(ranges, ids[-1]) if len(ids) == limit else ()
        # Rows may be large: keep pages near one size, whatever the first one was.
        limit = max(1, min(MOST_ROWS, limit * 4, limit * PAGE_BYTES // max(1, len(chunk))))
    yield Page(b"", united(start, source))


async def read_last_id(readers: Readers) -> int:
    """Return the last id that the database has given out."""

    async def last_id(connection: psycopg.AsyncConnection[Any]) -> int:
        cursor = await connection.execute(LAST_ID)
        return int((await cursor.fetchall())[0][0])

    return await _with_connection(readers, last_id)


def _page_reader(
    ranges: Ranges, limit: int, selection: Selection | None
) -> Callable[[psycopg.AsyncConnection[Any]], Awaitable[tuple[list[int], dict[int, bytes]]]]:
    params = {
        "firsts": [first for first, _ in ranges],
        "lasts": [last for _, last in ranges],
        "limit": limit,
    }

    async def page(connection: psycopg.AsyncConnection[Any]) -> tuple[list[int], dict[int, bytes]]:
        cursor = await connection.execute(statements.PAGE, params)
        ids = [event_id for (event_id,) in await cursor.fetchall()]
        wanted = ids
        if selection is not None:
            wanted = sorted((await matching(connection, [selection], ids))[selection])
        return ids, await read(connection, statements.ROWS, {"ids": wanted}) if wanted else {}

    return page


async def _with_connection(
    readers: Readers, run: Callable[[psycopg.AsyncConnection[Any]], Awaitable[T]]
) -> T:
    while True:
        try:
            async with readers.connection() as connection, asyncio.timeout(PAGE_TIMEOUT_SECONDS):
                return await run(connection)
        except (psycopg.OperationalError, TimeoutError, OSError) as error:
            logger.warning("A stream lost PostgreSQL while catching up, trying again: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
