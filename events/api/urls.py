"""The API's addresses, below `/api/`; none ends with a slash."""

from django.urls import path

from .docs import DocsView, SchemaView
from .errors import not_found
from .views import (
    CatalogView,
    EventDetailView,
    EventListView,
    ReopenView,
    ResolveView,
    UnresolvedEventListView,
)

urlpatterns = [
    path("events", EventListView.as_view(), name="api-events"),
    path("events/unresolved", UnresolvedEventListView.as_view(), name="api-unresolved-events"),
    path("events/catalog", CatalogView.as_view(), name="api-catalog"),
    path("events/<int:id>", EventDetailView.as_view(), name="api-event"),
    path("events/<int:id>/resolve", ResolveView.as_view(), name="api-resolve"),
    path("events/<int:id>/reopen", ReopenView.as_view(), name="api-reopen"),
    path("schema", SchemaView.as_view(), name="api-schema"),
    path("docs", DocsView.as_view(), name="api-docs"),
    # Last: whatever else is below /api/ must be mounted before this file.
    path("", not_found),
    path("<path:path>", not_found),
]
