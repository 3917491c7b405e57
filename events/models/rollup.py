"""Rollups: how many events fell into a slot of time."""

from django.db import models


class EventRollup(models.Model):
    """How many of the events rolled up fall into a slot of `grain` minutes, by what they are.

    Counted twice: by severity, category and event type (`device_id` is NULL), and by severity and
    device (`by_device`; category and event type are NULL). Written by
    `events.statistics.rollups` alone.
    """

    pk = models.CompositePrimaryKey("grain", "by_device", "slot", "digest")
    grain = models.SmallIntegerField()
    by_device = models.BooleanField()
    slot = models.DateTimeField()
    # Of the columns counted by: the texts themselves may be longer than an index takes.
    digest = models.UUIDField()
    severity = models.TextField()
    category = models.TextField(null=True)
    event_type = models.TextField(null=True)
    device_id = models.UUIDField(null=True)
    events = models.BigIntegerField()

    class Meta:
        db_table = "event_rollups"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.events} events from {self.slot}"


class EventRollupMark(models.Model):
    """One row: every event up to `event_id` is rolled up. Without it, none is.

    `numbering` tells whether the ids are still those, see `sovi_events.statements.numbering`.
    """

    id = models.SmallIntegerField(primary_key=True)
    event_id = models.BigIntegerField()
    numbering = models.BigIntegerField(null=True)

    class Meta:
        db_table = "event_rollup_mark"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.event_id)
