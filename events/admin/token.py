"""The admin of API tokens: made once, shown once, revoked."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.models import ApiToken
from events.web import event_html
from events.web.permissions import REVOKE, VIEW_TOKENS

from .read_only import ReadOnlyAdmin


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Who holds which token, and revoking it. `create_api_token` makes them and shows each once.

    Everybody sees and revokes their own; who may view or delete tokens, those of others too.

    A token goes by its first characters here. Its primary key is the digest, which no page, address
    or log shows: that is why the admin's own pages of one row are left out.
    """

    list_display = ("holder", "kind", "beginning", "created_at", "expires_at", "revocation")
    list_display_links = None
    list_select_related = ("user",)
    search_fields = ("user__username", "token_key")
    search_help_text = gettext_lazy("By user, or by a token's first characters.")
    ordering = ("-created", "pk")
    sortable_by = ()
    actions = None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("", view(self.changelist_view), name="events_apitoken_changelist"),
            path("revoke-own/", view(self.revoke_own_view), name="events_apitoken_revoke_own"),
            path("<str:beginning>/revoke/", view(self.revoke_view), name="events_apitoken_revoke"),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        tokens: QuerySet[ApiToken] = ApiToken.objects.all()
        return tokens if request.user.has_perm(VIEW_TOKENS) else tokens.filter(user=request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A user with tokens can be deleted only by someone who may revoke them.
        is_own = obj is not None and obj.user_id == request.user.pk
        return is_own or request.user.has_perm(REVOKE)

    def revoke_own_view(self, request: HttpRequest) -> HttpResponse:
        """Revoke all that the user has, at once."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        for token in ApiToken.objects.filter(user=request.user).select_related("user"):
            self._revoke(request, token)
        return HttpResponseRedirect(self.list_url)

    def revoke_view(self, request: HttpRequest, beginning: str) -> HttpResponse:
        tokens = self.get_queryset(request).select_related("user")
        token = None if "\0" in beginning else tokens.filter(token_key=beginning).first()
        if token is None:
            raise Http404
        if not self.has_delete_permission(request, token):
            raise PermissionDenied
        if request.method == "POST":
            self._revoke(request, token)
            return HttpResponseRedirect(self.list_url)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke token"),
            "opts": self.opts,
            "token": token,
            "expiry": event_html.moment(token.expiry),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/events/apitoken/revoke.html", context)

    def _revoke(self, request: HttpRequest, token: ApiToken) -> None:
        token.delete()
        LogEntry.objects.create(
            user_id=cast(int, request.user.pk),
            content_type=ContentType.objects.get_for_model(ApiToken),
            object_id=token.token_key,
            object_repr=str(token)[:200],
            action_flag=DELETION,
        )
        text = _("Revoked %(token)s. Requests that carry it are refused from now on.")
        self.message_user(request, text % {"token": token}, messages.SUCCESS)

    @admin.display(description=gettext_lazy("user"))
    def holder(self, token: ApiToken) -> str:
        return str(token.user.get_username())

    @admin.display(description=gettext_lazy("begins with"))
    def beginning(self, token: ApiToken) -> SafeString:
        return format_html("<code>{}…</code>", token.token_key)

    @admin.display(description=gettext_lazy("created"))
    def created_at(self, token: ApiToken) -> SafeString:
        return event_html.moment_and_ago(token.created)

    @admin.display(description=gettext_lazy("expires"))
    def expires_at(self, token: ApiToken) -> SafeString:
        if token.expiry is None:
            return format_html("{}", _("never"))
        if token.expiry > timezone.now():
            return event_html.moment(token.expiry)
        return format_html(
            '{} <span class="expired">{}</span>', event_html.moment(token.expiry), _("expired")
        )

    @admin.display(description=gettext_lazy("revoke"))
    def revocation(self, token: ApiToken) -> SafeString:
        address = reverse("admin:events_apitoken_revoke", args=[token.token_key])
        return format_html(
            '<a href="{}">{}<span class="visually-hidden"> {}</span></a>',
            address,
            _("Revoke"),
            token,
        )
