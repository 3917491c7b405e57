"""The admin of saved views: all that a user sees, to find, open and delete."""

from typing import Any
from urllib.parse import unquote_plus

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.models import SavedView
from events.web.permissions import VIEW
from sovi_events.readable import readable

from .read_only import ReadOnlyAdmin

FILTER_CHARACTERS = 200


@admin.register(SavedView)
class SavedViewAdmin(ReadOnlyAdmin):
    """A view is opened from here, and renamed, shared or made the default above the list."""

    list_display = ("link", "filters", "owner", "sharing")
    list_display_links = None
    search_fields = ("name", "owner__username")
    search_help_text = gettext_lazy("By name or owner.")
    ordering = ()
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[SavedView]:
        return SavedView.objects.seen_by(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_view = self.has_view_permission(request)
        return may_view and (obj is None or obj.may_be_changed_by(request.user))

    @admin.display(description=gettext_lazy("name"))
    def link(self, view: SavedView) -> SafeString:
        address = reverse("admin:events_systemevent_changelist")
        return format_html('<a href="{}?{}">{}</a>', address, view.query, view)

    @admin.display(description=gettext_lazy("filter"))
    def filters(self, view: SavedView) -> str:
        shown = readable(unquote_plus(view.query))
        return shown if len(shown) <= FILTER_CHARACTERS else f"{shown[:FILTER_CHARACTERS]}…"

    @admin.display(description=gettext_lazy("sharing"))
    def sharing(self, view: SavedView) -> str:
        return _("shared") if view.is_shared else ""
