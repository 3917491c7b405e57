"""The admin of actions: who resolved and reopened what."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from events.models import EventAction
from events.models.multirange import ids_in
from events.web import event_html
from sovi_events.readable import readable

from .read_only import ReadOnlyAdmin


@admin.register(EventAction)
class EventActionAdmin(ReadOnlyAdmin):
    """Who resolved and reopened what, the latest first."""

    list_display = ("time", "action", "who", "actor_kind", "face", "changed", "why")
    list_display_links = None
    empty_value_display = event_html.NOTHING
    ordering = ("-id",)
    sortable_by = ("time",)

    @admin.display(description=_("time"), ordering="id")
    def time(self, action: EventAction) -> SafeString:
        return event_html.moment_and_ago(action.timestamp)

    @admin.display(description=_("actor"))
    def who(self, action: EventAction) -> str:
        return readable(action.actor)

    @admin.display(description=_("reason"))
    def why(self, action: EventAction) -> str:
        return readable(action.reason or "")

    @admin.display(description=_("events"))
    def changed(self, action: EventAction) -> Any:
        ranges = [ids_in(span) for span in action.events]
        count = sum(map(len, ranges))
        text = ngettext("%(count)s event", "%(count)s events", count) % {"count": count}
        if count != 1:
            return text
        address = reverse("admin:events_systemevent_change", args=[ranges[0][0]])
        return format_html('<a href="{}">#{}</a>', address, ranges[0][0])
