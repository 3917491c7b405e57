"""Receipts: which ids a batch of events got."""

from django.db import models
from django.db.models.functions import Now

from .multirange import BigIntegerMultirangeField


class EventReceipt(models.Model):
    """A batch of events was stored: which ids it got.

    Written in the batch's own transaction (`sovi_events.statements`), so that whoever doesn't know
    whether a batch was committed can send it again: it is stored once, and its ids are found here.
    `request_digest` tells of an HTTP request what was sent under its key.
    """

    id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField(db_default=Now())
    event_ids = BigIntegerMultirangeField()
    request_digest = models.BinaryField(null=True)

    class Meta:
        db_table = "event_receipts"
        default_permissions = ()
        # Those the library writes have ids in the order of time, and need no index to be pruned.
        indexes = [
            models.Index(
                fields=["created_at"],
                name="event_receipts_requests",
                condition=models.Q(request_digest__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return str(self.id)
