"""An admin whose rows can be looked at and not changed."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from events.reading.time_limit import time_limit

from .changelist import BoundedChangeList
from .paginator import BoundedPaginator

# Django's admin is generic in its type stubs only.
if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """A list and a page to read; nothing is added, edited or deleted, nothing counted in full."""

    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 0
    detail_template: str | None = None
    """The page of one row; without one, a row has no page of its own."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return BoundedChangeList

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        if self.detail_template is None:
            return HttpResponseRedirect(self.list_url)
        with time_limit():
            row = self.get_object(request, unquote(object_id))
            if row is None:
                return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
            context = {
                **self.admin_site.each_context(request),
                "title": str(row),
                "opts": self.opts,
                "object": row,
                "pk": str(row.pk),
                "preserved_filters": self.get_preserved_filters(request),
                **self.detail_context(request, row),
            }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, self.detail_template, context)

    def detail_context(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page of this row shows besides the row itself."""
        return {}

    @property
    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
