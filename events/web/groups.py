"""The groups of users, and what each may do."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import transaction

from .permissions import ADD, RESOLVE, VIEWING

PERMISSIONS_OF_GROUP = {
    "Event viewers": VIEWING,
    "Event responders": (*VIEWING, RESOLVE),
    "Event producers": (ADD,),
}


def create_groups(
    sender: AppConfig, using: str, apps: Apps = installed_apps, **kwargs: Any
) -> None:
    """Create the groups with their permissions, after `migrate`.

    A group that exists is left as its administrators made it.
    """
    try:
        groups, permissions = (
            apps.get_model("auth", name)._default_manager.using(using)
            for name in ("Group", "Permission")
        )
    except LookupError:  # `migrate events` alone: the groups come with the rest
        return
    # The permissions' own post_migrate handler may run after this one.
    create_permissions(sender, verbosity=0, using=using, apps=apps)
    for name, allowed in PERMISSIONS_OF_GROUP.items():
        codenames = [permission.partition(".")[2] for permission in allowed]
        with transaction.atomic(using=using):
            group, created = groups.get_or_create(name=name)
            if created:
                group.permissions.set(
                    permissions.filter(content_type__app_label=sender.label, codename__in=codenames)
                )
