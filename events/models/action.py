"""Actions: who resolved or reopened which events, when, through which face and why."""

from django.contrib.postgres.indexes import GistIndex
from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from sovi_events import catalog

from .multirange import BigIntegerMultirangeField, ContainsId

REASON_LENGTH = 1000
"""Characters of a reason that operators and the API's clients may give."""

ACTOR_COLUMNS = ("actor", "face", "reason", "operation")
"""What only those see who may view actions. The kind of an actor is the event's `resolved_by`."""


class EventActionQuerySet(models.QuerySet["EventAction"]):
    def about(self, event_id: int) -> "EventActionQuerySet":
        """Actions that changed this event, the latest first."""
        return self.filter(ContainsId(F("events"), event_id)).order_by("-id")


class EventAction(models.Model):
    """One resolve or reopen: what changed, when, by whom, through which face, and why.

    Appended by the statement that changes the events (`sovi_events.statements`), never edited. A
    bulk action commits in chunks, each with a row of its own; the rows share `operation`.
    """

    class Action(models.TextChoices):
        RESOLVE = "resolve"
        REOPEN = "reopen"

    class Face(models.TextChoices):
        LIBRARY = "library"
        API = "api"
        ADMIN = "admin"
        COMMAND = "command"

    timestamp = models.DateTimeField(db_default=Now())
    action = models.TextField(choices=Action.choices)
    actor = models.TextField()
    actor_kind = models.TextField(choices=[(kind, kind) for kind in catalog.RESOLVERS])
    face = models.TextField(choices=Face.choices)
    reason = models.TextField(null=True, blank=True)
    operation = models.UUIDField()
    events = BigIntegerMultirangeField()

    objects = EventActionQuerySet.as_manager()

    class Meta:
        db_table = "event_actions"
        default_permissions = ("view",)
        indexes = [GistIndex(fields=["events"], name="event_actions_events")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"
