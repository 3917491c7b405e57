"""Bulk jobs to run, and what else goes on while they do."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.http import QueryDict

from events.bulk.confirmation import start
from events.bulk.preview import preview
from events.filters.stored_filter import serialise
from events.models import BulkJob, EventAction, SystemEvent
from events.models.actor import Actor
from events.models.multirange import ids_in

OPERATOR = Actor("ada", "human", "admin")
COLLEAGUE = Actor("grace", "human", "api")


def add_many(count: int, **columns: Any) -> list[int]:
    given = {"category": "auth", "severity": "error", "event_type": "login_failed", "message": "m"}
    made = SystemEvent.objects.bulk_create(
        SystemEvent(**{**given, **columns}) for _ in range(count)
    )
    return [event.pk for event in made]


def make_job(query: str = "", action: str = "resolve", **columns: Any) -> BulkJob:
    """Preview a filter of the list and confirm it, without running it."""
    seen = preview(action, serialise(QueryDict(query)))
    job = start(seen, by=OPERATOR, reason="Known outage")
    if columns:
        BulkJob.objects.filter(pk=job.pk).update(**columns)
        job.refresh_from_db()
    return job


def act(action: str, ids: list[int]) -> None:
    """What a colleague does meanwhile."""
    SystemEvent.objects.act(action, ids, by=COLLEAGUE, reason=None, operation=uuid.uuid4())


def unresolved() -> list[int]:
    return list(SystemEvent.objects.unresolved().order_by("pk").values_list("pk", flat=True))


def recorded() -> list[int]:
    """The ids that the history holds, action by action."""
    return [
        event_id
        for action in EventAction.objects.order_by("pk")
        for span in action.events
        for event_id in ids_in(span)
    ]


@contextmanager
def slow_updates(*, milliseconds: int) -> Iterator[None]:
    """Make the change of each event take so long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM pg_sleep({milliseconds / 1000}); RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER dawdle BEFORE UPDATE ON system_events"
            " FOR EACH ROW EXECUTE FUNCTION dawdle()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION dawdle CASCADE")
