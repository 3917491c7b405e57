from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from events import columns
from events.filters import InvalidQuery, read_query
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet

from .actions import read_id
from .changelist import BoundedChangeList
from .detail import EventDetail
from .filters import CategoryFilter, EventTypeFilter, ResolverFilter, SeverityFilter, StateFilter
from .related_filters import AccountFilter, DeviceFilter
from .time_filter import RangeFilter


class EventChangeList(BoundedChangeList):
    """The list of events; it knows the newest of those it shows, for actions on all that match."""

    newest_id: str | None = None

    def get_results(self, request: HttpRequest) -> None:
        from_the_top = self.page_num <= 1 and ORDER_VAR not in self.params
        if not from_the_top:
            # Asked before the rows are read, so that no event is newer than what was shown.
            newest = self.queryset.order_by("-pk").values_list("pk", flat=True).first()
            self.newest_id = None if newest is None else str(newest)
        super().get_results(request)
        if from_the_top and (rows := list(self.result_list)):
            self.newest_id = str(rows[0].pk)

    @property
    def top_link(self) -> str:
        """The address of the same list from its newest event on."""
        return self.link(**{PAGE_VAR: [], ORDER_VAR: []})

    @property
    def stream_query(self) -> str | None:
        """Parameters of a stream of what would be listed; None where that can't be asked for."""
        pairs = [pair for spec in self._filters for pair in spec.stream_parameters()]
        if self.query:
            pairs.append(("q", self.query))
        query = urlencode(pairs)
        try:
            read_query(QueryDict(query))
        except InvalidQuery:
            return None
        return None if self.problems or dict(pairs).keys() & {"until", "max_id"} else query


@admin.register(SystemEvent)
class SystemEventAdmin(EventDetail):
    list_display = (
        "time",
        "severity_badge",
        "kind",
        "message_text",
        "device_link",
        "account_link",
        "state",
    )
    list_display_links = ("message_text",)
    # What is typed stands last, by the button that applies it.
    list_filter = (
        StateFilter,
        SeverityFilter,
        CategoryFilter,
        EventTypeFilter,
        ResolverFilter,
        RangeFilter,
        DeviceFilter,
        AccountFilter,
    )
    search_fields = ("message",)
    search_help_text = _("Text of the message, or an id")
    ordering = ("-id",)
    sortable_by = ("time",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return EventChangeList

    def get_queryset(self, request: HttpRequest) -> SystemEventQuerySet:
        # The list doesn't show contexts, and one may be larger than the page.
        return SystemEvent.objects.select_related("device", "account").defer("context")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[SystemEventQuerySet, bool]:
        text = search_term.strip()
        if not text:
            return queryset, False
        found = queryset.search(text)
        if (event_id := read_id(text.removeprefix("#"))) is not None:
            found |= queryset.filter(pk=event_id)
        return found, False

    @admin.display(description=_("time"), ordering="id")
    def time(self, event: SystemEvent) -> SafeString:
        return columns.moment_and_ago(event.timestamp)

    @admin.display(description=_("severity"))
    def severity_badge(self, event: SystemEvent) -> SafeString:
        return columns.severity(event)

    @admin.display(description=_("event type"))
    def kind(self, event: SystemEvent) -> SafeString:
        return columns.kind(event)

    @admin.display(description=_("message"))
    def message_text(self, event: SystemEvent) -> SafeString:
        return columns.message(event)

    @admin.display(description=_("device"))
    def device_link(self, event: SystemEvent) -> SafeString:
        return columns.device(event)

    @admin.display(description=_("account"))
    def account_link(self, event: SystemEvent) -> SafeString:
        return columns.account(event)

    @admin.display(description=_("state"))
    def state(self, event: SystemEvent) -> SafeString:
        return columns.state(event)
