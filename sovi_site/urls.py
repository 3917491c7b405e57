"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from events.api.stream import stream
from sovi_site.health import readyz
from sovi_site.static_files import static_file

handler500 = "events.api.errors.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", include("events.console.urls")),
    path("admin/", admin.site.urls),
    path("api/logs/stream", stream, name="stream"),
    path("api/", include("events.api.urls")),
    path("readyz", readyz),
    path("static/<path:path>", static_file),
]
