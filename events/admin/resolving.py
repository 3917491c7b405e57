"""An admin of which pages change something, for those who may resolve."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from events.web.permissions import RESOLVE

from .read_only import ReadOnlyAdmin


class ResolvingAdmin(ReadOnlyAdmin):
    """A list and pages to read, of which some change something when they are posted to."""

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(RESOLVE)

    def for_resolvers(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """The same view, by POST alone and for those who may resolve."""

        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_resolve_permission(request):
                raise PermissionDenied
            return require_POST(view)(request, *args, **kwargs)

        return self.admin_site.admin_view(checked)
