"""Reading rows of the table for the stream, and writing each as the JSON that clients get."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from events.representation import represent

from .messages import dump


async def read(
    connection: psycopg.AsyncConnection[Any], statement: str, params: Mapping[str, Any]
) -> dict[int, bytes]:
    """Run a statement that answers whole rows; return each row's JSON by its id, in order."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, params)
        return {row["id"]: dump(represent(row)) async for row in cursor}
