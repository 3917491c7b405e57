"""Devices of the fleet."""

import uuid

from django.db import models

from sovi_events.readable import readable


class Device(models.Model):
    """A phone of the fleet. SOVI owns the table; only these two columns are read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.TextField()

    class Meta:
        db_table = "devices"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return readable(self.name or "") or str(self.pk)
