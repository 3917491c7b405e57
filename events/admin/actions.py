"""Resolve and reopen over the rows of a list: those selected, or all that match."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from events.actor import Actor
from events.bounded import bounded_count
from events.models.event import SystemEventQuerySet
from sovi.events.position import MAX_ID

from .read_only import ReadOnlyAdmin

NEWEST_ID = "newest_id"
REASON_LENGTH = 500


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


def actor_of(request: HttpRequest) -> Actor:
    """Whoever is logged in to the admin is a person."""
    return Actor(request.user.get_username(), "human", "admin")


def reason_of(request: HttpRequest) -> str | None:
    """Why, as typed beside the action; None when nothing was."""
    return request.POST.get("reason", "").replace("\0", "").strip()[:REASON_LENGTH] or None


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


class ActingAdmin(ReadOnlyAdmin):
    """A list whose rows can be resolved and reopened by those who may."""

    actions: Any = (resolve_selected, reopen_selected)
    action_form = ReasonForm

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(
            "events.resolve_systemevent"
        )

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
        else:
            # The filter runs again here; what arrived after the page was shown, nobody has seen.
            newest_id = read_id(request.POST.get(NEWEST_ID, ""))
            if newest_id is None:
                self._refuse(request)
                return None
            queryset = queryset.filter(pk__lte=newest_id)
        return super().response_action(request, queryset, *args, **kwargs)

    def _refuse(self, request: HttpRequest) -> None:
        text = _("The selection could not be read, so nothing was changed. Please select again.")
        self.message_user(request, text, messages.ERROR)

    def report(self, request: HttpRequest, changed: int, done: str, rest: str) -> None:
        """Say exactly how many rows changed, and why the others did not."""
        done %= {"count": number_format(changed, use_l10n=True, force_grouping=True)}
        level = messages.SUCCESS if changed else messages.WARNING
        self.message_user(request, f"{done} {rest}".strip(), level)


def read_id(text: str) -> int | None:
    """Read an event's id; None when the text can't be one."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_ID))):
        return None
    number = int(text)
    return number if number <= MAX_ID else None
