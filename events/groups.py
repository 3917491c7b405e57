from typing import Any

from django.apps import AppConfig
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

VIEWING = ("view_systemevent", "view_device", "view_account", "view_eventaction")
PERMISSIONS_OF_GROUP = {
    "Event viewers": VIEWING,
    "Event responders": (*VIEWING, "resolve_systemevent"),
}


def create_groups(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Create the two groups with their permissions, after `migrate`.

    A group that exists is left as its administrators made it.
    """
    # The permissions' own post_migrate handler may run after this one.
    create_permissions(sender, verbosity=0, using=using)
    for name, codenames in PERMISSIONS_OF_GROUP.items():
        with transaction.atomic(using=using):
            group, created = Group.objects.using(using).get_or_create(name=name)
            if created:
                group.permissions.set(
                    Permission.objects.using(using).filter(
                        content_type__app_label=sender.label, codename__in=codenames
                    )
                )
