"""What a filtered stream asks for, and which events match: PostgreSQL decides, as for the list."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import psycopg
from django.http import QueryDict

from events.filters import EventFilterSet, read_query

from .contents import ACTIONS, EVENTS, Feed

OUTCOMES = ("resolved", "resolved_by")
"""Filters that actions are not asked for: they change just that."""


class Query(NamedTuple):
    """Answers the ids of the events that match."""

    sql: str
    params: Sequence[Any]


class Selection:
    """The list's filters, compiled once. Two that were asked for alike are equal."""

    def __init__(self, filterset: EventFilterSet, query: QueryDict) -> None:
        asked = {name: query.getlist(name) for name in filterset.parameters() if name in query}
        self._key = tuple((name, tuple(values)) for name, values in asked.items())
        standing = QueryDict(mutable=True)
        for name in asked.keys() - set(OUTCOMES):
            standing.setlist(name, asked[name])
        self._queries = {EVENTS: _ids(filterset), ACTIONS: _ids(read_query(standing))}
        self.everything = not filterset.qs.query.where

    def query(self, feed: Feed) -> Query:
        """Return what tells whose events, or the actions on which events, are wanted."""
        return self._queries[feed]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


async def matching(
    connection: psycopg.AsyncConnection[Any],
    feed: Feed,
    selections: Collection[Selection],
    event_ids: Sequence[int],
) -> dict[Selection, frozenset[int]]:
    """Return which of the events each selection matches, asked in one statement."""
    parts, params = [], []
    for number, selection in enumerate(selections):
        query = selection.query(feed)
        parts.append(
            f"SELECT {number}, id FROM ({query.sql}) AS matched (id)"  # noqa: S608 - Django's
            " WHERE id = ANY(%s::bigint[])"
        )
        params += [*query.params, list(event_ids)]
    # Django writes SQL for parameters that are merged in by the client.
    async with psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(" UNION ALL ".join(parts).encode(), params)
        rows = await cursor.fetchall()
    return {
        selection: frozenset(event_id for found, event_id in rows if found == number)
        for number, selection in enumerate(selections)
    }


def _ids(filterset: EventFilterSet) -> Query:
    return Query(*filterset.qs.order_by().values_list("pk").query.sql_with_params())
