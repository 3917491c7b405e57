"""Saved views: a list's address under a name."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from sovi_events.readable import readable

NAME_KEY = "event_saved_views_owner_name"
NAME_LENGTH = 80
QUERY_LENGTH = 4_000
VIEWS_PER_OWNER = 50
VIEWS_OFFERED = 80
"""Above the list, whose every page takes time for each; the page of saved views has them all."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def seen_by(self, user: Any) -> "SavedViewQuerySet":
        """A user's own and those that are shared, by name; `is_default` on the user's default."""
        default = DefaultView.objects.filter(user=user, view=models.OuterRef("pk"))
        return (
            self.filter(models.Q(owner=user) | models.Q(is_shared=True))
            .annotate(is_default=models.Exists(default))
            .select_related("owner")
            .order_by(Lower("name"), "pk")
        )

    def offered_to(self, user: Any, query: str) -> "SavedViewQuerySet":
        """So many of those as the list offers: the default, what `query` is of, and own ones first.

        In the order of `seen_by`.
        """
        seen = self.seen_by(user).annotate(
            is_current=models.Q(query=query), is_own=models.Q(owner=user)
        )
        first = seen.order_by("-is_default", "-is_current", "-is_own", Lower("name"), "pk")  # type: ignore[misc]  # annotated
        return self.seen_by(user).filter(pk__in=first.values("pk")[:VIEWS_OFFERED])


class SavedView(models.Model):
    """A filter of the list of events under a name, its owner's alone or shared.

    `query` is the list's address after its "?", as text: a range such as `since=24h` stays
    relative, and a filter that can no longer be read is the list's to tell.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)
    query = models.CharField(max_length=QUERY_LENGTH)
    is_shared = models.BooleanField(default=False)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        db_table = "event_saved_views"
        default_permissions = ()  # who may view events may keep views of them
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name=NAME_KEY)]

    def __str__(self) -> str:
        return readable(self.name) or f"#{self.pk}"

    def may_be_changed_by(self, user: Any) -> bool:
        """Whether a user who sees it may rename, share, replace or delete it."""
        return bool(user.is_superuser or user.pk == self.owner_id)


class DefaultView(models.Model):
    """The view that a user's list opens with; it counts while the user sees that view."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+"
    )
    view = models.ForeignKey(SavedView, models.CASCADE, related_name="+")

    class Meta:
        db_table = "event_default_views"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.user}: {self.view}"
