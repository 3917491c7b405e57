"""The API's addresses, below `/api/`; none ends with a slash."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from .bulk_jobs import BulkJobViewSet
from .docs import DocsView, SchemaView
from .errors import not_found
from .viewset import EventViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("events", EventViewSet, "api-event")
router.register("events/jobs", BulkJobViewSet, "api-job")

urlpatterns = [
    *router.urls,
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(), name="api-docs"),
    # Last: whatever else is below /api/ must be mounted before this file.
    path("", not_found),
    path("<path:path>", not_found),
]
