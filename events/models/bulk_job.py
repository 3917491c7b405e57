"""Bulk jobs: an action over all that matches a filter, and how far it is."""

from typing import Any

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from sovi_events import catalog
from sovi_events.storable import storable_message

from .action import EventAction
from .actor import Actor


class BulkJobQuerySet(models.QuerySet["BulkJob"]):
    def open(self) -> "BulkJobQuerySet":
        """Those that a runner has to take, or has taken."""
        return self.filter(state__in=BulkJob.OPEN)

    def stop(self, *, by: Actor) -> int:
        """Ask the runners of those that are open to end; return how many were asked."""
        asked = (BulkJob.State.QUEUED, BulkJob.State.RUNNING)
        return self.filter(state__in=asked).update(
            state=BulkJob.State.STOPPING, steps=_followed_by("stopped", by)
        )

    def resume(self, *, by: Actor) -> int:
        """Let those that were stopped or failed go on where they are, in the name of who says so.

        Returns how many do.
        """
        over = (BulkJob.State.STOPPED, BulkJob.State.FAILED)
        return self.filter(state__in=over).update(
            state=BulkJob.State.QUEUED,
            finished_at=None,
            error=None,
            steps=_followed_by("resumed", by),
            **columns_of(by),
        )


def columns_of(by: Actor) -> dict[str, Any]:
    """The columns of a job that say in whose name it acts."""
    return {
        "actor": storable_message(by.name),
        "actor_kind": by.kind,
        "face": by.face,
        "user_id": by.user_id,
    }


def step(name: str, by: Actor) -> dict[str, Any]:
    """What somebody did to a job, as its `steps` hold it."""
    who = columns_of(by)
    del who["user_id"]
    return {"step": name, "at": timezone.now().isoformat(), **who}


def _followed_by(name: str, by: Actor) -> models.Func:
    json = models.JSONField()
    return models.Func(
        models.F("steps"),
        models.Value([step(name, by)], json),
        template="%(expressions)s",
        arg_joiner=" || ",
        output_field=json,
    )


class BulkJob(models.Model):
    """Resolves or reopens all that matched a filter when it was previewed.

    It goes through the ids from `first_id` to `last_id`, which was settled then, in chunks;
    `cursor` is the last id behind it, moved by the transaction that changes the events. What has an
    action above `action_id`, another's than its own `operation`, was acted on since the preview.
    `numbering` tells whether the ids are still those, see `sovi_events.statements.numbering`.
    It acts in the name of who confirmed it, or resumed it last; `steps` are who confirmed, stopped
    and resumed it. `user_id` is asked at each chunk, and refers to no row: a user who is gone may
    do nothing. It is NULL where a command's actor is.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        STOPPING = "stopping"
        STOPPED = "stopped"
        DONE = "done"
        FAILED = "failed"

    OPEN = (State.QUEUED, State.RUNNING, State.STOPPING)

    action = models.TextField(choices=EventAction.Action.choices)
    filters = models.JSONField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    action_id = models.BigIntegerField()
    numbering = models.BigIntegerField(null=True)
    previewed_at = models.DateTimeField()
    expected = models.BigIntegerField()
    expected_is_exact = models.BooleanField()

    actor = models.TextField()
    actor_kind = models.TextField(choices=[(kind, kind) for kind in catalog.RESOLVERS])
    user_id = models.BigIntegerField(null=True)
    face = models.TextField(choices=EventAction.Face.choices)
    reason = models.TextField(null=True, blank=True)
    operation = models.UUIDField(unique=True)
    steps = models.JSONField(
        default=list, db_default=models.Value([], models.JSONField()), editable=False
    )

    state = models.TextField(choices=State.choices, default=State.QUEUED)
    cursor = models.BigIntegerField()
    changed = models.BigIntegerField(default=0)
    left_alone = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        db_table = "event_bulk_jobs"
        default_permissions = ()  # who may view or resolve events may do so with their jobs
        indexes = [
            models.Index(
                fields=["id"],
                name="event_bulk_jobs_open",
                condition=models.Q(state__in=["queued", "running", "stopping"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} job {self.pk}"

    @property
    def by(self) -> Actor:
        kind: Any = self.actor_kind
        return Actor(self.actor, kind, self.face, self.user_id)

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    @property
    def share(self) -> float:
        """How much of the way through the ids is done, from 0 to 1."""
        if self.state == self.State.DONE:
            return 1.0
        whole = self.last_id - self.first_id + 1
        return min(max((self.cursor - self.first_id + 1) / whole, 0.0), 1.0) if whole > 0 else 0.0
