"""The hours before the run, with their own timestamps: the one place that goes past emit."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg.types.json import Jsonb

from sovi import events
from sovi_events import database

from .player import ACTOR
from .storyteller import Item, Moment, Resolution, Story

INSERT = """
INSERT INTO system_events
    (timestamp, category, severity, event_type, device_id, account_id, message, context)
VALUES (%(timestamp)s, %(category)s, %(severity)s, %(event_type)s, %(device_id)s, %(account_id)s,
        %(message)s, %(context)s)
RETURNING id
"""


def backfill(stories: Iterable[Story], seconds: float) -> tuple[list[Story], int]:
    """Write the first simulated `seconds` as the last real ones; return what follows, and how many.

    A simulated hour is an hour here. What was resolved in that time is resolved now.
    """
    past: list[tuple[int, Item]] = []
    rest: list[Story] = []
    for place, story in enumerate(stories):
        for item in story:
            if item.at >= seconds:
                rest.append(itertools.chain([item], story))
                break
            past.append((place, item))
    past.sort(key=lambda it: it[1].at)
    return rest, _write(past, datetime.now(UTC) - timedelta(seconds=seconds))


def _write(past: list[tuple[int, Item]], began: datetime) -> int:
    ids: dict[tuple[int, int], int] = {}
    with psycopg.connect(database.connection_string(), application_name="sovi.demo") as connection:
        for place, item in past:
            if isinstance(item, Moment):
                values = item.arguments()
                values["context"] = Jsonb(values["context"])
                values["timestamp"] = began + timedelta(seconds=item.at)
                row = connection.execute(INSERT, values).fetchone()
                ids[place, item.number] = row[0] if row else 0
    for place, item in past:
        if isinstance(item, Resolution):
            events.resolve(ids[place, item.number], "auto", actor=ACTOR, reason=item.reason)
    return len(ids)
