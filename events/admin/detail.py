"""The page of one event: what it says, what it is about, what was done about it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.models import EventAction, SystemEvent
from events.models.action import REASON_LENGTH
from events.models.event import SystemEventQuerySet
from events.reading.time_limit import TookTooLong, time_limit
from events.web import event_html
from events.web.operator_form import actor_of, reason_of
from events.web.permissions import VIEW_ACCOUNT, VIEW_ACTION, VIEW_DEVICE
from sovi_events import catalog

from . import context_json
from .actions import ActingAdmin
from .neighbours import around

HISTORY_ROWS = 100
TIMELINE_AFTER = timedelta(hours=12)
FACES: dict[str, Any] = {
    EventAction.Face.LIBRARY: gettext_lazy("the Python library"),
    EventAction.Face.API: gettext_lazy("the API"),
    EventAction.Face.ADMIN: gettext_lazy("the admin"),
    EventAction.Face.COMMAND: gettext_lazy("a command"),
}


class EventDetail(ActingAdmin):
    """The page of one event, with resolve and reopen right there."""

    detail_template = "admin/events/systemevent/detail.html"

    def get_urls(self) -> list[URLPattern]:
        resolve = self.admin_site.admin_view(self.resolve_view)
        reopen = self.admin_site.admin_view(self.reopen_view)
        return [
            path("<int:event_id>/resolve/", resolve, name="events_systemevent_resolve"),
            path("<int:event_id>/reopen/", reopen, name="events_systemevent_reopen"),
            *super().get_urls(),
        ]

    def detail_context(self, request: HttpRequest, row: SystemEvent) -> dict[str, Any]:
        json, is_cut = context_json.read_context(row.pk)
        shows_history = request.user.has_perm(VIEW_ACTION)
        return {
            "title": row.event_type,
            "time": event_html.moment_and_ago(row.timestamp),
            "severity": event_html.severity(row),
            "state": event_html.state(row),
            "when": explanations(row),
            "context_json": context_json.highlight(json),
            "context_is_cut": is_cut,
            "latest": [event_html.cells(event) for event in around(row)],
            "current_pk": str(row.pk),
            "shows_history": shows_history,
            "history": history_of(row) if shows_history else [],
            "may_resolve": self.has_resolve_permission(request),
            "may_view_device": request.user.has_perm(VIEW_DEVICE),
            "may_view_account": request.user.has_perm(VIEW_ACCOUNT),
            "reason_length": REASON_LENGTH,
            "event_type_url": self.filtered(event_type=row.event_type),
            "device_timeline_url": row.device_id and timeline_url(row, device=row.device_id),
            "account_timeline_url": row.account_id and timeline_url(row, account=row.account_id),
            "device_events_url": self.filtered(device=row.device_id),
            "account_events_url": self.filtered(account=row.account_id),
        }

    def filtered(self, **filters: Any) -> str:
        """The address of the list with these filters."""
        return (
            f"{self.list_url}?{urlencode({name: value or '' for name, value in filters.items()})}"
        )

    def resolve_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        if refusal := self._refusal(request):
            return refusal
        return self._act(
            request,
            event_id,
            SystemEventQuerySet.resolve,
            _("Resolved."),
            _("It was resolved already."),
        )

    def reopen_view(self, request: HttpRequest, event_id: int) -> HttpResponse:
        if refusal := self._refusal(request):
            return refusal
        return self._act(
            request,
            event_id,
            SystemEventQuerySet.reopen,
            _("Reopened."),
            _("It was unresolved already."),
        )

    def _act(
        self,
        request: HttpRequest,
        event_id: int,
        action: Callable[..., int],
        done: str,
        already: str,
    ) -> HttpResponse:
        event = SystemEvent.objects.filter(pk=event_id)
        try:
            with time_limit():
                changed = action(event, by=actor_of(request), reason=reason_of(request))
        except TookTooLong as error:
            return self._back(request, event_id, str(error), messages.ERROR)
        return self._back(request, event_id, done if changed else already)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])

    def _back(
        self, request: HttpRequest, event_id: int, message: str, level: int = messages.SUCCESS
    ) -> HttpResponse:
        self.message_user(request, message, level)
        address = reverse("admin:events_systemevent_change", args=[event_id])
        filters = self.get_preserved_filters(request)
        return HttpResponseRedirect(f"{address}?{filters}" if filters else address)


def history_of(event: SystemEvent) -> list[tuple[EventAction, SafeString, str]]:
    """What was done about the event, the latest first, each with its time and face as shown."""
    actions = EventAction.objects.about(event.pk).defer("events")[:HISTORY_ROWS]
    return [
        (
            action,
            event_html.moment_and_ago(action.timestamp),
            str(FACES.get(action.face, action.face)),
        )
        for action in actions
    ]


def timeline_url(event: SystemEvent, **about: Any) -> str:
    """The timeline of its device or account, with the event in its midst if it is that old."""
    if event.timestamp < timezone.now() - TIMELINE_AFTER:
        about["until"] = (event.timestamp + TIMELINE_AFTER).isoformat()
    return f"{reverse('console:timeline')}?{urlencode(about)}"


def explanations(event: SystemEvent) -> list[str]:
    """When the catalogue says such an event is emitted; empty for a type it doesn't know."""
    known = [entry for entry in catalog.EVENT_TYPES if entry.name == event.event_type]
    exact = [entry.when for entry in known if entry.category == event.category]
    return exact or [entry.when for entry in known]
