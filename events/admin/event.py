"""The admin of events: their list, its actions, links and stream."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import EventFilter
from events.filters.query_string import InvalidQuery
from events.filters.search import guide
from events.filters.search.normalise import MAX_CHARACTERS
from events.filters.search.query import quoted
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading import page
from events.reading.time_limit import TookTooLong, statement_limit, time_limit
from events.stream.current_token import read_now
from events.web import event_html
from events.web.links import event_url
from events.web.names import refuse_names, shown_to

from .actions import ACTION_NAMES
from .changelist import BoundedChangeList
from .detail import EventDetail
from .filters import (
    AccountFilter,
    CategoryFilter,
    DeviceFilter,
    EventTypeFilter,
    RangeFilter,
    ResolverFilter,
    SeverityFilter,
    StateFilter,
)
from .filterset import ListFilterSet
from .saved_views import PLAIN, SavedViews

EXPORTS = {"csv": {"format": "csv", "bom": "true"}, "ndjson": {"format": "ndjson"}}
"""Opened by a double click, a CSV is read as Latin-1 without its mark."""

ACTION_CHECKBOX = "action_checkbox"
"""The column that Django puts first where there are actions."""


class EventChangeList(BoundedChangeList):
    """The list of events; it knows the newest of those it shows, for actions on all that match."""

    cleaned: Mapping[str, Any] = {}
    """What was read in its address, by parameter."""
    event_filter = EventFilter()
    """What its address asks for: rows, links and the stream are of this."""
    newest_id: str | None = None
    place = ""
    """The token of a stream of what happens after the rows were read."""
    search_guide = guide
    plain_link = f"?{PLAIN}"  # without a parameter it opens with the user's default view

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        events: Any = super().get_queryset(request, exclude_parameters)
        given = {name: them for spec in self._filters for name, them in spec.given.items() if them}
        query = self.query
        try:
            refuse_names(request.GET, shown_to(request.user))
        except InvalidQuery as error:
            self.problems += error.lines
            query = ""
        filterset = ListFilterSet(MultiValueDict({**given, "q": [query]}))
        try:
            with statement_limit():  # names are looked up
                self.problems += filterset.problems
        except TookTooLong as error:
            self.too_slow = str(error)
            return self.root_queryset.none()
        self.cleaned = filterset.form.cleaned_data
        for spec in self._filters:
            spec.cleaned = self.cleaned
        self.event_filter = filterset.event_filter
        found: QuerySet[Any] = events.matching(self.event_filter)
        return found.none() if self.problems else found

    def get_results(self, request: HttpRequest) -> None:
        from_the_top = self.page_num <= 1 and ORDER_VAR not in self.params
        # Asked before the rows are read, so that no event is newer than what was shown.
        try:
            with time_limit():
                self.place = str(read_now())
                if not from_the_top:
                    for event_id in page.read(self.queryset, 1).values_list("pk", flat=True):
                        self.newest_id = str(max(event_id, 0))
        except TookTooLong as error:
            self.too_slow = str(error)  # so would be what follows
        super().get_results(request)
        if from_the_top and (rows := list(self.result_list)):
            self.newest_id = str(max(rows[0].pk, 0))

    def read_page(self, offset: int) -> Iterable[SystemEvent]:
        ascending = self.queryset.query.order_by[:1] in (("pk",), ("id",))
        return page.read(self.queryset, self.list_per_page, offset=offset, ascending=ascending)

    @property
    def rows(self) -> Iterator[SafeString]:
        """As Django makes them, from one format: it resolves each address, renders each box."""
        names = [str(name) for name in self.list_display]
        cells = "".join(map(self._cell, names))
        columns = [getattr(self.model_admin, name) for name in names if name != ACTION_CHECKBOX]
        query = f"?{self.preserved_filters}" if self.preserved_filters else ""
        for event in self.result_list:
            yield format_html(
                cells,
                *(column(event) for column in columns),
                address=event_url(event.pk) + query,
                pk=event.pk,
                event=event,
            )

    def _cell(self, name: str) -> str:
        if name == ACTION_CHECKBOX:
            label = _("Select this object for an action - {}").format("{event}")
            return (
                f'<td class="action-checkbox"><input type="checkbox" name="{ACTION_CHECKBOX_NAME}"'
                f' value="{{pk}}" class="action-select" aria-label="{label}"></td>'
            )
        if name in self.list_display_links:
            return f'<th class="field-{name}"><a href="{{address}}">{{}}</a></th>'
        return f'<td class="field-{name}">{{}}</td>'

    @property
    def top_link(self) -> str:
        """The address of the same list from its newest event on."""
        return self.link(**{PAGE_VAR: [], ORDER_VAR: []})

    @cached_property
    def stream_query(self) -> str | None:
        """Parameters of a stream of what would be listed; None where nothing can arrive.

        With an end, that is, or of events that are there already.
        """
        terms = self.event_filter.terms
        ended = any(term.column == "id" or term.operator == "lt" for term in terms)
        if self.problems or ended:
            return None
        _, arriving = self.event_filter.split("timestamp")  # what arrives is later than any start
        return self._query_string(arriving)

    @cached_property
    def export_links(self) -> list[tuple[str, str]]:
        """Formats in which all that is listed can be had, each with its address."""
        if self.problems:
            return []
        address = reverse("api-event-export")
        return [
            (name.upper(), f"{address}?{self._query_string(self.event_filter, **asked)}")
            for name, asked in EXPORTS.items()
        ]

    @cached_property
    def bulk_links(self) -> list[tuple[str, str]]:
        """Actions on all that match and was there when this page was shown, with their previews."""
        if self.problems or not self.newest_id:
            return []
        return [(name, self.preview_url(name, self.newest_id)) for name in ACTION_NAMES.values()]

    def preview_url(self, action: str, newest_id: str, **others: str) -> str:
        """The address at which doing this to all that match, up to an id, is previewed."""
        address = reverse("admin:events_bulkjob_preview")
        others |= {"action": action, "max_id": newest_id}
        return f"{address}?{self._query_string(self.event_filter, **others)}"

    def _query_string(self, event_filter: EventFilter, **others: str) -> str:
        """Return the filter's parameters; names, each of which may stand for many ids, as typed."""
        address = event_filter.to_query_string(**others)
        if len(address) <= MAX_CHARACTERS:
            return address
        named = {
            f"{name}_id": f"{name}:{','.join(map(quoted, rows))}"
            for name in ("device", "account")
            if (rows := self.cleaned.get(name))
        }
        others["q"] = " ".join(filter(None, [self.query, *named.values()]))
        return event_filter.without_parameters(*named).to_query_string(**others)


@admin.register(SystemEvent)
class SystemEventAdmin(SavedViews, EventDetail):
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
    # The list reads what is typed itself; Django shows the box only where it knows a field.
    search_fields = ("message",)
    search_help_text = gettext_lazy("Words, severity:error, since:2h, #42 …")
    ordering = ("-id",)
    sortable_by = ("time",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return EventChangeList

    def get_queryset(self, request: HttpRequest) -> SystemEventQuerySet:
        # The list doesn't show contexts, and one may be larger than the page.
        return SystemEvent.objects.naming(shown_to(request.user)).defer("context")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[SystemEventQuerySet, bool]:
        return queryset, False  # searched already: by the list

    @admin.display(description=gettext_lazy("time"), ordering="id")
    def time(self, event: SystemEvent) -> SafeString:
        return event_html.moment_and_ago(event.timestamp)

    @admin.display(description=gettext_lazy("severity"))
    def severity_badge(self, event: SystemEvent) -> SafeString:
        return event_html.severity(event)

    @admin.display(description=gettext_lazy("event type"))
    def kind(self, event: SystemEvent) -> SafeString:
        return event_html.kind(event)

    @admin.display(description=gettext_lazy("message"))
    def message_text(self, event: SystemEvent) -> SafeString:
        return event_html.message(event)

    @admin.display(description=gettext_lazy("device"))
    def device_link(self, event: SystemEvent) -> SafeString:
        return event_html.device(event)

    @admin.display(description=gettext_lazy("account"))
    def account_link(self, event: SystemEvent) -> SafeString:
        return event_html.account(event)

    @admin.display(description=gettext_lazy("state"))
    def state(self, event: SystemEvent) -> SafeString:
        return event_html.state(event)
