"""What a filtered stream asks for, and which events match: PostgreSQL decides, as for the list."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import psycopg
from django.http import QueryDict

from events import page
from events.filters import EventFilterSet, read_query
from events.models.event import SystemEventQuerySet
from events.search.meaning import condition

from .contents import ACTIONS, EVENTS, Feed

OUTCOMES = ("resolved", "resolved_by")
"""Filters, and keys of a search, that actions are not asked for: they change just that."""


class Query(NamedTuple):
    """Answers the ids of the events that match."""

    sql: str
    params: Sequence[Any]


class Selection:
    """The list's filters, compiled once. Two that were asked for alike are equal."""

    def __init__(self, filterset: EventFilterSet, query: QueryDict) -> None:
        asked = {name: query.getlist(name) for name in filterset.parameters() if name in query}
        standing = QueryDict(mutable=True)
        for name in asked.keys() - {*OUTCOMES, "q"}:
            standing.setlist(name, asked[name])
        touched = read_query(standing).qs
        if search := filterset.form.cleaned_data.get("q"):
            # As it was frozen: what "2h" and a device's name stood for when the stream began.
            asked["q"] = [str(search)]
            touched = touched.filter(condition(search.without(*OUTCOMES)))
        self._key = tuple((name, tuple(values)) for name, values in asked.items())
        self._events = filterset.qs
        self._queries = {EVENTS: _ids(self._events), ACTIONS: _ids(touched)}
        self.everything = not self._events.query.where

    def query(self, feed: Feed) -> Query:
        """Return what tells whose events, or the actions on which events, are wanted."""
        return self._queries[feed]

    def newest(self, through_id: int, count: int) -> Query:
        """Return what answers the newest events that match up to an id, at most so many."""
        return Query(*page.newest_ids(self._events.filter(pk__lte=through_id), count))

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


def _ids(events: SystemEventQuerySet) -> Query:
    return Query(*events.order_by().values_list("pk").query.sql_with_params())
