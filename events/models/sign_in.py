"""Sign-ins: how often they failed, by user and by network, and until when the next has to wait."""

from django.db import models


class SignIn(models.Model):
    """A user, a network, or a user from a network, each as a digest.

    `failures` are counted from below nought: so many are free of delay. `is_known` where that user
    has signed in from that network. A row for each name and network that somebody tried;
    `prune_events` deletes what has counted for nothing since. Written by the web.
    """

    key = models.TextField(primary_key=True)
    failures = models.IntegerField()
    blocked_until = models.DateTimeField()
    is_known = models.BooleanField(default=False)

    class Meta:
        db_table = "event_sign_ins"
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
