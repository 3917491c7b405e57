"""The admin of users and groups: nobody gives what they don't have, or takes over who has more."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from events.models import ApiToken

from .read_only import ModelAdmin

GIVEN = ("is_staff", "is_superuser", "groups", "user_permissions")
"""What raises a user."""


def held_by(user: Any) -> QuerySet[Permission]:
    """Return what a user has of their own and by their groups, also while they are inactive."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()


def is_within(user: Any, others: QuerySet[Permission]) -> bool:
    """Whether a user has all of these permissions."""
    return not others.exclude(pk__in=held_by(user).values("pk")).exists()


class Bounded(ModelAdmin):
    """Changes and deletes what holds no more permissions than who does it has."""

    def permissions_of(self, row: Any) -> QuerySet[Permission]:
        raise NotImplementedError

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_theirs(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_theirs(request, obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        if not request.user.is_superuser:
            field.queryset = _givable(request.user, field.queryset)
        return field

    def _is_theirs(self, request: HttpRequest, row: Any) -> bool:
        if row is None or request.user.is_superuser:
            return True
        is_superuser = getattr(row, "is_superuser", False)
        return not is_superuser and is_within(request.user, self.permissions_of(row))


class BoundedUserAdmin(Bounded, UserAdmin):  # type: ignore[type-arg]
    def permissions_of(self, row: Any) -> QuerySet[Permission]:
        return held_by(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if request.user.is_superuser:
            return super().get_readonly_fields(request, obj)
        return GIVEN if obj == request.user else ("is_superuser",)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        response: HttpResponse = super().user_change_password(request, id, form_url)
        if response.status_code == 302 and (count := ApiToken.objects.filter(user=id).count()):
            text = _("API tokens of this user that still work: %(count)s. Revoke them there.")
            self.message_user(request, text % {"count": count}, messages.WARNING)
        return response


class BoundedGroupAdmin(Bounded, GroupAdmin):  # type: ignore[misc]  # as its stubs name a request
    def permissions_of(self, row: Any) -> QuerySet[Permission]:
        return cast(QuerySet[Permission], row.permissions.all())


def _givable(user: Any, choices: QuerySet[Any]) -> QuerySet[Any]:
    """Of permissions or groups, those that hold nothing which the user has not."""
    held = held_by(user)
    if choices.model is Permission:
        return choices.filter(pk__in=held.values("pk"))
    beyond = Permission.objects.exclude(pk__in=held.values("pk"))
    return choices.exclude(permissions__in=beyond)


for model, its_admin in ((User, BoundedUserAdmin), (Group, BoundedGroupAdmin)):
    admin.site.unregister(model)
    admin.site.register(model, its_admin)
