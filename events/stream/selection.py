"""What a filtered stream asks for, and which events match: PostgreSQL decides, as for the list."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from django.http import QueryDict

from events.filters import EventFilterSet


class Selection:
    """The list's filters, compiled once. Two that were asked for alike are equal."""

    def __init__(self, filterset: EventFilterSet, query: QueryDict) -> None:
        names = filterset.parameters()
        self._key = tuple((name, tuple(query.getlist(name))) for name in names if name in query)
        ids = filterset.qs.order_by().values_list("pk")
        self.everything = not ids.query.where
        self.sql: str
        self.params: Sequence[Any]
        self.sql, self.params = ids.query.sql_with_params()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


async def matching(
    connection: psycopg.AsyncConnection[Any],
    selections: Collection[Selection],
    ids: Sequence[int],
) -> dict[Selection, frozenset[int]]:
    """Return which of the ids each selection matches, asked in one statement."""
    parts, params = [], []
    for number, selection in enumerate(selections):
        parts.append(
            f"SELECT {number}, id FROM ({selection.sql}) AS matched (id)"  # noqa: S608 - Django's
            " WHERE id = ANY(%s::bigint[])"
        )
        params += [*selection.params, list(ids)]
    # Django writes SQL for parameters that are merged in by the client.
    async with psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(" UNION ALL ".join(parts).encode(), params)
        rows = await cursor.fetchall()
    return {
        selection: frozenset(event_id for found, event_id in rows if found == number)
        for number, selection in enumerate(selections)
    }
