"""The page of one event: what it says, what it is about, what was done about it."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

import events.web.event_id  # noqa: F401 - registers its converter
from events.models import EventAction, SystemEvent
from events.models.action import REASON_LENGTH
from events.reading.time_limit import NOTHING_CHANGED, TookTooLong, statement_limit
from events.web import event_html
from events.web.links import list_url, timeline_url
from events.web.operator_form import actor_of, reason_of
from events.web.permissions import VIEW_ACCOUNT, VIEW_ACTION, VIEW_DEVICE
from sovi_events import catalog
from sovi_events.readable import readable

from . import context_json, traceback
from .actions import ActingAdmin
from .folded import LENGTH_BOUND, fold
from .neighbours import around

HISTORY_ROWS = 100
NEIGHBOURS = 10
TIMELINE_AFTER = timedelta(hours=12)
FACES: dict[str, Any] = {
    EventAction.Face.LIBRARY: gettext_lazy("the Python library"),
    EventAction.Face.API: gettext_lazy("the API"),
    EventAction.Face.ADMIN: gettext_lazy("the admin"),
    EventAction.Face.COMMAND: gettext_lazy("a command"),
}


TOLD: dict[str, tuple[Any, Any]] = {
    "resolve": (gettext_lazy("Resolved."), gettext_lazy("It was resolved already.")),
    "reopen": (gettext_lazy("Reopened."), gettext_lazy("It was unresolved already.")),
}
"""What is said of an event that an action changed, and of one that it did not."""


class EventDetail(ActingAdmin):
    """The page of one event, with resolve and reopen right there."""

    detail_template = "admin/events/systemevent/detail.html"

    def get_urls(self) -> list[URLPattern]:
        return [
            path(
                f"<event_id:event_id>/{action}/",
                self.for_resolvers(self.act_view),
                {"action": action},
                name=f"events_systemevent_{action}",
            )
            for action in TOLD
        ] + super().get_urls()

    def detail_context(self, request: HttpRequest, row: SystemEvent) -> dict[str, Any]:
        device, account, until = row.device_id, row.account_id, _until(row)
        context = context_json.read_context(row.pk)
        # A queue's handler makes the traceback a part of the message.
        raised = context.traceback or row.message[:LENGTH_BOUND]
        shows_history = request.user.has_perm(VIEW_ACTION)
        return {
            "title": str(row),
            "message": fold(row.message),
            "category": readable(row.category),
            "event_type": readable(row.event_type),
            "time": event_html.moment_and_ago(row.timestamp),
            "severity": event_html.severity(row),
            "state": event_html.state(row),
            "when": explanations(row),
            "context_json": context_json.highlight(context.json),
            "context_is_cut": context.is_cut,
            "traceback": traceback.parse(raised),
            "traceback_text": readable(raised),
            "latest": [event_html.cells(event) for event in around(row)],
            "current_pk": str(row.pk),
            "shows_history": shows_history,
            "history": history_of(row) if shows_history else [],
            "may_resolve": self.has_resolve_permission(request),
            "may_view_device": request.user.has_perm(VIEW_DEVICE),
            "may_view_account": request.user.has_perm(VIEW_ACCOUNT),
            "reason_length": REASON_LENGTH,
            "event_type_url": list_url(event_type=row.event_type),
            "device_timeline_url": device and timeline_url({"device": device}, until),
            "account_timeline_url": account and timeline_url({"account": account}, until),
            "device_events_url": device and list_url(device=device),
            "account_events_url": account and list_url(account=account),
        }

    def act_view(self, request: HttpRequest, event_id: int, action: str) -> HttpResponse:
        done, already = TOLD[action]
        event = SystemEvent.objects.filter(pk=event_id)
        try:
            with statement_limit(advice=NOTHING_CHANGED):
                changed = event.act_on_all(action, by=actor_of(request), reason=reason_of(request))
        except TookTooLong as error:
            self.message_user(request, str(error), messages.ERROR)
            return self._back(request, event_id)
        self.message_user(request, str(done if changed else already), messages.SUCCESS)
        return self._back(request, event_id)

    def _back(self, request: HttpRequest, event_id: int) -> HttpResponse:
        address = reverse("admin:events_systemevent_change", args=[event_id])
        filters = self.get_preserved_filters(request)
        return HttpResponseRedirect(f"{address}?{filters}" if filters else address)


def history_of(event: SystemEvent) -> list[tuple[EventAction, SafeString, str]]:
    """What was done about the event, the latest first, each with its time and face as shown."""
    actions = EventAction.objects.about(event.pk).defer("events")
    if (arrived := _arrived_after(event)) <= (event.resolved_at or timezone.now()):
        actions = actions.filter(timestamp__gte=arrived)
    actions = actions[:HISTORY_ROWS]
    return [
        (
            action,
            event_html.moment_and_ago(action.timestamp),
            str(FACES.get(action.face, action.face)),
        )
        for action in actions
    ]


def _arrived_after(event: SystemEvent) -> datetime:
    """Return a time before which the event was not there.

    What was done before was done about a former event of the same id: ids are given out anew in a
    table that was emptied. Its own time is none where a producer's clock was ahead, but those that
    came before it say so.
    """
    before = SystemEvent.objects.filter(pk__lt=event.pk).order_by("-pk")[:NEIGHBOURS]
    return min([event.timestamp, *before.values_list("timestamp", flat=True)])


def _until(event: SystemEvent) -> datetime | None:
    """The end of a timeline that has the event in its midst, where it is that old."""
    until = event.timestamp + TIMELINE_AFTER
    return until if until < timezone.now() else None


def explanations(event: SystemEvent) -> list[str]:
    """When the catalogue says such an event is emitted; empty for a type it doesn't know."""
    known = [entry for entry in catalog.EVENT_TYPES if entry.name == event.event_type]
    exact = [entry.when for entry in known if entry.category == event.category]
    return exact or [entry.when for entry in known]
