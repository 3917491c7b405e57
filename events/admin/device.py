"""The admin of devices."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from events.models import Device

from .subject import SubjectAdmin


@admin.register(Device)
class DeviceAdmin(SubjectAdmin):
    list_display = ("label", "identifier", "events_link")
    list_display_links = ("label",)
    search_fields = ("name",)
    search_help_text = _("By name, or by the whole id.")
    ordering = ("name", "id")
    events_parameter = "device"
    summary = _("Device")

    @admin.display(description=_("name"), ordering="name")
    def label(self, device: Any) -> str:
        return str(device)
