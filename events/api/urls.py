"""The API's addresses, below `/api/`; none ends with a slash."""

from django.urls import path
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

import events.web.event_id  # noqa: F401 - registers its converter

from .bulk_jobs import BulkJobViewSet
from .docs import SchemaView
from .errors import not_found
from .status import StatusViewSet
from .viewset import EventViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("events", EventViewSet, "api-event")
router.register("events/jobs", BulkJobViewSet, "api-job")
router.register("status", StatusViewSet, "api-status")

urlpatterns = [
    *router.urls,
    path("schema", SchemaView.as_view(), name="api-schema"),
    # From local files; its start-up script has an address of its own (`?script=`), so that the
    # site's Content-Security-Policy stands as it is.
    path(
        "docs",
        SpectacularSwaggerSplitView.as_view(
            url_name="api-schema", template_name="events/api_docs.html"
        ),
        name="api-docs",
    ),
    # Last: whatever else is below /api/ must be mounted before this file.
    path("", not_found),
    path("<path:path>", not_found),
]
