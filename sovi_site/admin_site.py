"""The admin's site: its title, its first page, its login and the order of its models."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _


class EventsSite(AdminSite):
    site_header = _("SOVI Events")
    site_title = _("SOVI Events")
    site_url = None  # there is no other site to view
    index_title = _("Overview")
    # The header names the few pages there are; a side bar would take its room from the messages.
    enable_nav_sidebar = False

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
        response = super().login(request, extra_context)
        form = (getattr(response, "context_data", None) or {}).get("form")
        if seconds := getattr(form, "retry_after_seconds", None):
            response.status_code = 429
            response.headers["Retry-After"] = str(seconds)
        return response
