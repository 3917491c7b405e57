"""What a filtered stream asks for, and which events match: PostgreSQL decides, as for the list."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg

from events.filters.event_filter import EventFilter
from events.models import SystemEvent
from events.reading import page
from sovi_events.index_scan import Statement

from .topics import ACTIONS, EVENTS, Topic

OUTCOMES = ("resolved", "resolved_by")
"""Columns that actions are not asked for: they change just that."""


class Selection:
    """A filter, compiled once. Two of equal filters are equal."""

    def __init__(self, event_filter: EventFilter) -> None:
        self._filter = event_filter
        self._queries = {
            EVENTS: event_filter.to_sql(),
            ACTIONS: event_filter.without(*OUTCOMES).to_sql(),
        }
        self.everything = not event_filter

    def query(self, topic: Topic) -> Statement:
        """Return what reads the ids of all events that match, or on which actions are wanted."""
        return self._queries[topic]

    def newest(self, through_id: int, count: int) -> Statement:
        """Return what reads the ids of at most so many of the newest that match, up to an id."""
        events = SystemEvent.objects.matching(self._filter).filter(pk__lte=through_id)
        return page.select_ids(events, count)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selection) and self._filter == other._filter

    def __hash__(self) -> int:
        return hash(self._filter)


async def matching(
    connection: psycopg.AsyncConnection[Any],
    topic: Topic,
    selections: Collection[Selection],
    event_ids: Sequence[int],
) -> dict[Selection, frozenset[int]]:
    """Return which of the events each selection matches, asked in one statement."""
    parts, params = [], []
    for number, selection in enumerate(selections):
        sql, its_params = selection.query(topic)
        parts.append(
            f"SELECT {number}, id FROM ({sql}) AS matched (id)"  # noqa: S608 - Django's
            " WHERE id = ANY(%s::bigint[])"
        )
        params += [*its_params, list(event_ids)]
    # Django writes SQL for parameters that are merged in by the client.
    async with psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(" UNION ALL ".join(parts).encode(), params)
        rows = await cursor.fetchall()
    return {
        selection: frozenset(event_id for found, event_id in rows if found == number)
        for number, selection in enumerate(selections)
    }
