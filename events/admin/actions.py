"""Resolve and reopen over the rows of a list: those selected at once, all that match by a job."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from events.models import EventAction
from events.models.action import REASON_LENGTH
from events.models.event import SystemEventQuerySet
from events.reading.bounded_count import bounded_count
from events.reading.time_limit import TookTooLong, time_limit
from events.web.operator_form import NEWEST_ID, actor_of, read_id, reason_of
from events.web.permissions import RESOLVE

from .read_only import ReadOnlyAdmin


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


@admin.action(description=gettext_lazy("Resolve selected"), permissions=["resolve"])
def resolve_selected(
    model_admin: "ActingAdmin", request: HttpRequest, queryset: SystemEventQuerySet
) -> None:
    already = bounded_count(queryset.resolved())
    changed = queryset.resolve(by=actor_of(request), reason=reason_of(request))
    done = ngettext("Resolved %(count)s event.", "Resolved %(count)s events.", changed)
    rest = ngettext(
        "%(count)s was resolved already.", "%(count)s were resolved already.", already.rows
    )
    model_admin.report(request, changed, done, rest % {"count": already} if already.rows else "")


@admin.action(description=gettext_lazy("Reopen selected"), permissions=["resolve"])
def reopen_selected(
    model_admin: "ActingAdmin", request: HttpRequest, queryset: SystemEventQuerySet
) -> None:
    already = bounded_count(queryset.unresolved())
    changed = queryset.reopen(by=actor_of(request), reason=reason_of(request))
    done = ngettext("Reopened %(count)s event.", "Reopened %(count)s events.", changed)
    rest = ngettext(
        "%(count)s was unresolved already.", "%(count)s were unresolved already.", already.rows
    )
    model_admin.report(request, changed, done, rest % {"count": already} if already.rows else "")


ACTION_NAMES: dict[str, str] = {
    resolve_selected.__name__: EventAction.Action.RESOLVE,
    reopen_selected.__name__: EventAction.Action.REOPEN,
}
"""What the list's form calls them, and what a job does."""


class ActingAdmin(ReadOnlyAdmin):
    """A list whose rows can be resolved and reopened by those who may."""

    actions: Any = (resolve_selected, reopen_selected)
    action_form = ReasonForm

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(RESOLVE)

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
            selected = [read_id(text) for text in request.POST.getlist(ACTION_CHECKBOX_NAME)]
            if None in selected:
                self._refuse(request)
                return None
            queryset = self.get_queryset(request).filter(pk__in=selected)
        elif request.POST.get("action") in ACTION_NAMES:
            return self._preview(request)
        try:
            with time_limit(advice=_("Nothing was changed: try again.")):
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

    def report(self, request: HttpRequest, changed: int, done: str, rest: str) -> None:
        """Say exactly how many rows changed, and why the others did not."""
        done %= {"count": number_format(changed, use_l10n=True, force_grouping=True)}
        level = messages.SUCCESS if changed else messages.WARNING
        self.message_user(request, f"{done} {rest}".strip(), level)
