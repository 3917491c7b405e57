"""Emit in a Django transaction that is rolled back; print the id, and the rows that it left."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "sovi_site.settings"
django.setup()

from django.db import transaction  # noqa: E402

from events.models import Device  # noqa: E402
from sovi import events  # noqa: E402


class Undone(Exception):
    pass


try:
    with transaction.atomic():
        Device.objects.create(name="iPhone-A")
        print(events.emit("device", "info", "app_installed", "kept"))
        raise Undone
except Undone:
    print(Device.objects.count())
