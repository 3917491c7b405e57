"""Events read for a file: page by page, at the pace of who takes it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

from events.batch_size import next_batch_size
from events.models.event import SystemEventQuerySet
from events.reading.page_bytes import bounded
from events.web.connection_pool import Readers
from events.web.event_json import represent
from sovi_events.statements import COLUMNS

from .formats import Format

FIRST_ROWS, MOST_ROWS = 100, 2_000
PAGE_BYTES = 1024 * 1024
MOST_BYTES = 4 * PAGE_BYTES
"""Of a page whose rows are larger than those before."""
FIRST_IDS, FEWEST_IDS = 10_000, 500
PAGE_SECONDS = 0.2
"""What one query is meant to take, by how many ids it looks through: a filter may match nothing."""
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class IdRange:
    """What is exported: ids above `after_id` up to `through_id`, at most `max_rows` of them."""

    after_id: int
    through_id: int
    max_rows: int


async def read(
    events: SystemEventQuerySet, extent: IdRange, file_format: Format, head: bytes
) -> AsyncGenerator[bytes, None]:
    """Yield the file, which begins with `head`.

    Between the pages it holds no connection, and in a page ends with its task.
    Raises psycopg.Error, and TimeoutError where PostgreSQL takes too long over the smallest page.
    """
    readers = _current_readers()
    try:
        if head:
            yield head
        after, left = extent.after_id, extent.max_rows
        rows, ids = FIRST_ROWS, FIRST_IDS
        while after < extent.through_id and left:
            limit, last = min(rows, left), min(after + ids, extent.through_id)
            began = time.monotonic()
            try:
                page, found = await _read_page(readers, events, after, last, limit)
            except TimeoutError:
                if ids == FEWEST_IDS:
                    raise
                ids = next_batch_size(ids, TIMEOUT_SECONDS, PAGE_SECONDS, fewest=FEWEST_IDS)
                continue
            if found < limit:
                seconds = time.monotonic() - began
                ids = next_batch_size(ids, seconds, PAGE_SECONDS, fewest=FEWEST_IDS)
            after = page[-1]["id"] if found == limit or len(page) < found else last
            left -= len(page)
            if page:
                chunk = file_format.lines(map(represent, page))
                # Rows may be large: keep pages near one size, whatever the first one was.
                size = len(chunk) * rows / len(page)
                rows = next_batch_size(rows, size, PAGE_BYTES, most=MOST_ROWS)
                yield chunk
    finally:
        await readers.close_idle(0.0)


async def _read_page(
    readers: Readers, events: SystemEventQuerySet, after: int, last: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a page, and how many there would be if all of them were small."""
    page = events.filter(id__gt=after, id__lte=last).order_by("id").values_list(*COLUMNS)[:limit]
    statement, params = page.query.sql_with_params()
    sql = bounded(statement, MOST_BYTES, ascending=True)
    async with readers.connection() as connection, asyncio.timeout(TIMEOUT_SECONDS):
        cursor = psycopg.AsyncClientCursor(connection)
        await cursor.execute(sql.encode(), params)
        rows = await cursor.fetchall()
    found = rows[0][-1] if rows else 0
    return [dict(zip(COLUMNS, row[:-1], strict=True)) for row in rows], found


_readers: "WeakKeyDictionary[asyncio.AbstractEventLoop, Readers]" = WeakKeyDictionary()


def _current_readers() -> Readers:
    """Return the connections that all exports of the running event loop share."""
    return _readers.setdefault(
        asyncio.get_running_loop(), Readers(application_name="sovi export reader")
    )
