"""The list's saved views: the bar above it, and the forms that make, change and delete one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.views.main import ALL_VAR, ERROR_FLAG, ORDER_VAR, PAGE_VAR
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.http import HttpResponseRedirect as Redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from psycopg.errors import UniqueViolation

from events.filters.query_string import with_offsets
from events.models import DefaultView, SavedView
from events.models.saved_view import NAME_KEY, NAME_LENGTH, QUERY_LENGTH, VIEWS_PER_OWNER
from events.web.operator_form import read_id

from .read_only import ReadOnlyAdmin

PLAIN = urlencode({ALL_VAR: 1})
"""The list's query that names no filter; without any parameter it opens with the default view."""

NOT_KEPT = frozenset((ALL_VAR, ERROR_FLAG, PAGE_VAR))


class Refused(Exception):
    """Why nothing was done, in words for the operator."""


def canonical(params: QueryDict) -> str:
    """The filter that an address holds, as a query that is equal if the filter is; "" for none."""
    pairs = [
        (name, value.strip())
        for name, values in sorted(with_offsets(params).lists())
        for value in values
        if name not in NOT_KEPT and value.strip()
    ]
    return urlencode(pairs) if any(name != ORDER_VAR for name, _value in pairs) else ""


@dataclass(frozen=True)
class ViewsBar:
    """What the bar shows to a user: the views they see, and the filter that is in force."""

    user: Any
    views: list[SavedView]
    query: str
    plain_query: str = PLAIN
    name_length: int = NAME_LENGTH

    @cached_property
    def own(self) -> list[SavedView]:
        return [view for view in self.views if view.owner_id == self.user.pk]

    @cached_property
    def shared(self) -> list[SavedView]:
        """Those of others."""
        return [view for view in self.views if view.owner_id != self.user.pk]

    @cached_property
    def current(self) -> SavedView | None:
        """The view whose filter is in force, the user's own before another's."""
        seen = self.own + self.shared
        return next((it for it in seen if canonical(QueryDict(it.query)) == self.query), None)

    @property
    def may_change_current(self) -> bool:
        return self.current is not None and self.current.may_be_changed_by(self.user)

    @cached_property
    def replaceable(self) -> list[SavedView]:
        return [view for view in self.own + self.shared if view.may_be_changed_by(self.user)]


class SavedViews(ReadOnlyAdmin):
    """A list with saved views; its address without parameters leads to the user's default."""

    def get_urls(self) -> list[URLPattern]:
        actions = {
            "save": self._save,
            "change": self._change,
            "replace": self._replace,
            "delete": self._delete,
            "open-with": self._open_with,
        }
        return [
            *(
                path(
                    f"views/{name}/",
                    self.admin_site.admin_view(self._answering(action)),
                    name=f"events_systemevent_view_{name.replace('-', '_')}",
                )
                for name, action in actions.items()
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = canonical(request.GET)
        views = list(SavedView.objects.offered_to(request.user, query))
        if not request.GET and request.method in ("GET", "HEAD"):
            for view in views:
                if view.is_default:  # type: ignore[attr-defined]  # annotated
                    return Redirect(f"{self.list_url}?{view.query}")
        request.GET = with_offsets(request.GET)  # type: ignore[assignment]  # for all links
        bar = ViewsBar(request.user, views, query)
        return super().changelist_view(request, {"views_bar": bar, **(extra_context or {})})

    def _answering(self, action: Callable[[HttpRequest, str], str]) -> Callable[..., HttpResponse]:
        """A view that does this for who may view events, and leads back to the posted filter."""

        def answer(request: HttpRequest) -> HttpResponse:
            if not self.has_view_permission(request):
                raise PermissionDenied
            if request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            query = canonical(QueryDict(request.POST.get("query", "")))
            try:
                self.message_user(request, action(request, query), messages.SUCCESS)
            except Refused as refusal:
                self.message_user(request, str(refusal), messages.ERROR)
            return Redirect(f"{self.list_url}?{query or PLAIN}")

        return answer

    def _save(self, request: HttpRequest, query: str) -> str:
        owner: Any = request.user
        view = SavedView(owner=owner, query=_kept(query))
        _fill(view, request)
        return _("Saved as “%(name)s”.") % {"name": view}

    def _change(self, request: HttpRequest, query: str) -> str:
        view = _to_change(request)
        _fill(view, request)
        return _("Changed “%(name)s”.") % {"name": view}

    def _replace(self, request: HttpRequest, query: str) -> str:
        view = _to_change(request)
        view.query = _kept(query)
        view.save(update_fields=["query"])
        return _("“%(name)s” now holds this filter.") % {"name": view}

    def _delete(self, request: HttpRequest, query: str) -> str:
        view = _to_change(request)
        view.delete()
        return _("Deleted “%(name)s”.") % {"name": view}

    def _open_with(self, request: HttpRequest, query: str) -> str:
        user: Any = request.user
        if not request.POST.get("view"):
            DefaultView.objects.filter(user=user).delete()
            return _("The list opens without a filter.")
        view = _seen(request)
        DefaultView.objects.update_or_create(user=user, defaults={"view": view})
        return _("The list opens with “%(name)s”.") % {"name": view}


def _kept(query: str) -> str:
    if not query:
        raise Refused(_("No filter is in force: choose one, then save it."))
    if len(query) > QUERY_LENGTH:
        raise Refused(_("This filter is too long to be saved."))
    return query


def _fill(view: SavedView, request: HttpRequest) -> None:
    """Store a view under the name and with the sharing that a form gives."""
    view.name = " ".join(request.POST.get("name", "").split())
    view.is_shared = "is_shared" in request.POST
    if not view.name:
        raise Refused(_("A view needs a name."))
    if len(view.name) > NAME_LENGTH:
        raise Refused(_("A name has %(count)s characters at most.") % {"count": NAME_LENGTH})
    if "\0" in view.name:
        raise Refused(_("The name holds a NUL character."))
    try:
        with transaction.atomic():
            if view.pk is None:
                _refuse_too_many(view.owner_id)
            view.save()
    except IntegrityError as error:
        cause = error.__cause__
        if not isinstance(cause, UniqueViolation) or cause.diag.constraint_name != NAME_KEY:
            raise
        raise Refused(
            _("There is a view “%(name)s” already: choose another name.") % {"name": view}
        ) from None


def _refuse_too_many(owner_id: Any) -> None:
    get_user_model()._default_manager.select_for_update().get(pk=owner_id)  # one save at a time
    if SavedView.objects.filter(owner=owner_id).count() >= VIEWS_PER_OWNER:
        text = _("You have %(count)s saved views, as many as one may: delete one first.")
        raise Refused(text % {"count": VIEWS_PER_OWNER})


def _seen(request: HttpRequest) -> SavedView:
    """The view that a form is about."""
    view_id = read_id(request.POST.get("view", "")) or 0
    view = SavedView.objects.seen_by(request.user).filter(pk=view_id).first()
    if view is None:
        raise Refused(_("This view was deleted, or is no longer shared."))
    return view


def _to_change(request: HttpRequest) -> SavedView:
    view = _seen(request)
    if not view.may_be_changed_by(request.user):
        raise PermissionDenied
    return view
