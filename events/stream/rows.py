"""Reading rows of the table for the stream, and writing each as the JSON that clients get."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader

from events.representation import represent

from .messages import dump


class Unreadable(str):
    """A stored value that Python has no type for, as PostgreSQL writes it."""


async def read(
    connection: psycopg.AsyncConnection[Any], statement: str, params: Mapping[str, Any]
) -> dict[int, bytes]:
    """Run a statement that answers whole rows; return each row's JSON by its id, in order.

    A row with a value that Python can't read (`infinity`, a number of 5,000 digits) is told with
    that value as text.
    """
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement, params)
        try:
            rows = await cursor.fetchall()
        except (psycopg.DataError, ValueError, RecursionError):
            rows = await _read_leniently(connection, statement, params)
    return {row["id"]: encode(row) for row in rows}


async def _read_leniently(
    connection: psycopg.AsyncConnection[Any], statement: str, params: Mapping[str, Any]
) -> list[dict[str, Any]]:
    # Not the first choice: these loaders are in Python, psycopg's own are in C.
    async with connection.cursor(row_factory=dict_row) as cursor:
        cursor.adapters.register_loader("timestamptz", _Instant)
        cursor.adapters.register_loader("jsonb", _Json)
        await cursor.execute(statement, params)
        return await cursor.fetchall()


def encode(row: Mapping[str, Any]) -> bytes:
    """Return the JSON of a row; a value that can't be told is replaced by a mark."""
    unreadable = {name: value for name, value in row.items() if isinstance(value, Unreadable)}
    if "context" in unreadable:
        unreadable["context"] = {"unreadable": unreadable["context"]}  # type: ignore[assignment]
    try:
        return dump(represent({**row, **dict.fromkeys(unreadable)}) | unreadable)
    except RecursionError:
        return encode({**row, "context": Unreadable("nested too deeply")})


class _Instant(TimestamptzLoader):
    def load(self, data: Buffer) -> Any:
        try:
            return super().load(data)
        except psycopg.DataError:
            return Unreadable(bytes(data).decode())


class _Json(Loader):
    def load(self, data: Buffer) -> Any:
        text = bytes(data).decode()
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return Unreadable(text)
