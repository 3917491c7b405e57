"""Accounts on the platforms."""

import uuid

from django.db import models


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
        return f"{self.platform or '?'}/{self.username or self.pk}"
