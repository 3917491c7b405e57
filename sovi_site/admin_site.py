"""The admin's site: its title, its first page, its login and the order of its models."""

from functools import partial
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class EventsSite(AdminSite):
    site_header = _("SOVI Events")
    site_title = _("SOVI Events")
    site_url = None  # there is no other site to view
    index_title = _("Overview")
    # The header names the few pages there are; a side bar would take its room from the messages.
    enable_nav_sidebar = False

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from django.contrib.auth.views import PasswordChangeView

        from events.admin.sign_in_form import PasswordForm

        view: Any = PasswordChangeView.as_view(
            form_class=partial(PasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return _told_when(view(request))

    def password_change_done(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from events.models import ApiToken

        own = ApiToken.objects.filter(user=request.user).count()
        return super().password_change_done(request, {"own_tokens": own, **(extra_context or {})})

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        from events.admin.sign_in_form import SignInForm  # the site is made before there are models

        self.login_form = SignInForm
        return _told_when(super().login(request, extra_context))


def _told_when(response: Any) -> Any:
    """Say 429 where a form's password was not looked at."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    if seconds := getattr(form, "retry_after_seconds", None):
        response.status_code = 429
        response.headers["Retry-After"] = str(seconds)
    return response
