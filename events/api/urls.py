"""The API's addresses, below `/api/`; none ends with a slash."""

from django.urls import path

from .bulk import BulkJobStopView, BulkJobView, BulkReopenView, BulkResolveView
from .docs import DocsView, SchemaView
from .emission import EventsView
from .errors import not_found
from .export import ExportView
from .statistics import StatisticsView
from .views import (
    CatalogView,
    EventDetailView,
    ReopenView,
    ResolveView,
    UnresolvedEventListView,
)

urlpatterns = [
    path("events", EventsView.as_view(), name="api-events"),
    path("events/unresolved", UnresolvedEventListView.as_view(), name="api-unresolved-events"),
    path("events/catalog", CatalogView.as_view(), name="api-catalog"),
    path("events/export", ExportView.as_view(), name="api-export"),
    path("events/stats", StatisticsView.as_view(), name="api-statistics"),
    path("events/resolve", BulkResolveView.as_view(), name="api-bulk-resolve"),
    path("events/reopen", BulkReopenView.as_view(), name="api-bulk-reopen"),
    path("events/jobs/<int:id>", BulkJobView.as_view(), name="api-bulk-job"),
    path("events/jobs/<int:id>/stop", BulkJobStopView.as_view(), name="api-bulk-job-stop"),
    path("events/<int:id>", EventDetailView.as_view(), name="api-event"),
    path("events/<int:id>/resolve", ResolveView.as_view(), name="api-resolve"),
    path("events/<int:id>/reopen", ReopenView.as_view(), name="api-reopen"),
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(), name="api-docs"),
    # Last: whatever else is below /api/ must be mounted before this file.
    path("", not_found),
    path("<path:path>", not_found),
]
