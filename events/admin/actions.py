"""Resolve and reopen over the rows of a list: those selected at once, all that match by a job."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from events.models import EventAction
from events.models.action import REASON_LENGTH
from events.models.event import SystemEventQuerySet
from events.reading.time_limit import NOTHING_CHANGED, TookTooLong, statement_limit
from events.web import event_html
from events.web.operator_form import NEWEST_ID, actor_of, read_id, reason_of
from sovi_events.following.position import MAX_ID, MIN_ID
from sovi_events.whole_number import whole_number

from .resolving import ResolvingAdmin


class ReasonForm(ActionForm):
    """Django's choice of an action, with a field for why."""

    reason = forms.CharField(
        required=False,
        label="",
        widget=forms.TextInput(
            attrs={
                "placeholder": gettext_lazy("Reason (optional)"),
                "aria-label": gettext_lazy("Reason (optional)"),
                "maxlength": REASON_LENGTH,
            }
        ),
    )


class Wording(NamedTuple):
    """How an action is offered, and what is said of so many `rows` of the selected."""

    offered: Any
    done: Any
    already: Any


WORDING: dict[str, Wording] = {
    EventAction.Action.RESOLVE: Wording(
        gettext_lazy("Resolve selected"),
        ngettext_lazy("Resolved %(count)s event.", "Resolved %(count)s events.", "rows"),
        ngettext_lazy(
            "%(count)s was resolved already.", "%(count)s were resolved already.", "rows"
        ),
    ),
    EventAction.Action.REOPEN: Wording(
        gettext_lazy("Reopen selected"),
        ngettext_lazy("Reopened %(count)s event.", "Reopened %(count)s events.", "rows"),
        ngettext_lazy(
            "%(count)s was unresolved already.", "%(count)s were unresolved already.", "rows"
        ),
    ),
}
ACTION_NAMES = {f"{action}_selected": action for action in WORDING}
"""What the list's form calls them, and what a job does."""


def _on_selected(name: str) -> Callable[..., None]:
    action = ACTION_NAMES[name]
    wording = WORDING[action]

    @admin.action(description=wording.offered, permissions=["resolve"])
    def act(
        model_admin: "ActingAdmin", request: HttpRequest, queryset: SystemEventQuerySet
    ) -> None:
        selected = queryset.count()
        changed = queryset.act_on_all(action, by=actor_of(request), reason=reason_of(request))
        told = _counted(wording.done, changed)
        if already := selected - changed:
            told = f"{told} {_counted(wording.already, already)}"
        level = messages.SUCCESS if changed else messages.WARNING
        model_admin.message_user(request, told, level)

    act.__name__ = name
    return act


def _counted(text: Any, rows: int) -> str:
    return str(text % {"rows": rows, "count": event_html.number(rows)})


class ActingAdmin(ResolvingAdmin):
    """A list whose rows can be resolved and reopened by those who may."""

    actions: Any = tuple(map(_on_selected, ACTION_NAMES))
    action_form = ReasonForm

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.method == "POST" and not self.has_resolve_permission(request):
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def response_action(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        if request.POST.get("select_across", "0").lower() in ("", "0", "false"):
            # Rows picked by hand are acted on even if they have left the filter since.
            selected = [
                whole_number(text, MIN_ID, MAX_ID)
                for text in request.POST.getlist(ACTION_CHECKBOX_NAME)
            ]
            if None in selected:
                self._refuse(request)
                return None
            queryset = self.get_queryset(request).filter(pk__in=selected)
        elif request.POST.get("action") in ACTION_NAMES:
            return self._preview(request)
        try:
            with statement_limit(advice=NOTHING_CHANGED):  # they are one chunk
                return super().response_action(request, queryset, *args, **kwargs)
        except TookTooLong as error:
            self.message_user(request, str(error), messages.ERROR)
            return None

    def _preview(self, request: HttpRequest) -> HttpResponse | None:
        """Lead to what would be done to all that match."""
        changelist: Any = self.get_changelist_instance(request)
        # What arrived after the page was shown, nobody has seen.
        newest_id = request.POST.get(NEWEST_ID, "")
        if not changelist.bulk_links or read_id(newest_id) is None:
            self._refuse(request)
            return None
        action = ACTION_NAMES[request.POST["action"]]
        reason = reason_of(request)
        others = {"reason": reason} if reason else {}
        return HttpResponseRedirect(changelist.preview_url(action, newest_id, **others))

    def _refuse(self, request: HttpRequest) -> None:
        text = _("The selection could not be read, so nothing was changed. Please select again.")
        self.message_user(request, text, messages.ERROR)
