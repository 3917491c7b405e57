"""What events are about, a device or an account: a list to find one in, a page with its events."""

import uuid
from contextlib import suppress
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import EventFilter
from events.filters.subject_lookup import gone, holding
from events.models import SystemEvent
from events.reading import page
from events.reading.bounded_count import bounded_count
from events.reading.time_limit import time_limit
from events.web import event_html
from events.web.links import list_url
from events.web.permissions import VIEW

from .read_only import ReadOnlyAdmin

LATEST_ROWS = 20
UNRESOLVED_BOUND = 1000


class SubjectAdmin(ReadOnlyAdmin):
    detail_template = "admin/events/subject_detail.html"
    events_parameter: ClassVar[str]
    """The parameter of the events' list, and the column of the events, that name this subject."""
    summary: ClassVar[Any]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        with time_limit():
            condition = holding(queryset, self.search_fields, text)
        with suppress(ValueError):
            condition |= Q(pk=uuid.UUID(text))
        return queryset.filter(condition), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the row; one by its id alone where it is gone, and events of it are there."""
        if row := super().get_object(request, object_id, from_field):
            return row
        with suppress(ValueError):
            return next(iter(gone(self.model, uuid.UUID(object_id))), None)
        return None

    def detail_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        if not request.user.has_perm(VIEW):
            return {"summary": self.summary, "shows_events": False}
        events = SystemEvent.objects.matching(
            EventFilter.where(**{f"{self.events_parameter}_id": row.pk})
        ).defer("context")
        latest = [event_html.cells(event) for event in page.read(events, LATEST_ROWS)]
        return {
            "summary": self.summary,
            "shows_events": True,
            "latest": latest,
            "events_parameter": self.events_parameter,
            "latest_rows": LATEST_ROWS,
            "unresolved": bounded_count(events.unresolved(), UNRESOLVED_BOUND),
            "events_url": list_url(**{self.events_parameter: row.pk}),
            "unresolved_url": list_url(**{self.events_parameter: row.pk}, resolved="false"),
        }

    @admin.display(description=gettext_lazy("events"))
    def events_link(self, row: Any) -> SafeString:
        return format_html(
            '<a href="{}">{}<span class="visually-hidden"> {}</span></a>',
            list_url(**{self.events_parameter: row.pk}),
            _("Show events"),
            row,
        )

    @admin.display(description=gettext_lazy("id"))
    def identifier(self, row: Any) -> SafeString:
        return format_html("<code>{}</code>", row.pk)
