"""Accounts on the platforms."""

import uuid

from django.db import models

from sovi_events.readable import readable


class Account(models.Model):
    """An account on a platform. SOVI owns the table; only these three columns are read.

    `platform` may be of an enum type there, so compare it as text; both may be NULL.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    platform = models.TextField()
    username = models.TextField()

    class Meta:
        db_table = "accounts"
        default_permissions = ("view",)

    def __str__(self) -> str:
        platform = readable(self.platform or "")
        if not platform and not readable(self.username or ""):
            return str(self.pk)
        return f"{platform or '?'}/{self.label}"

    @property
    def label(self) -> str:
        """The username, or the id of one that has none."""
        return readable(self.username or "") or str(self.pk)
