"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from events.api.stream import stream
from sovi_site.refusals import no_other_site
from sovi_site.static_files import static_file

handler400 = "sovi_site.refusals.bad_request"
handler403 = "sovi_site.refusals.forbidden"
handler404 = "sovi_site.refusals.not_found"
handler500 = "sovi_site.refusals.server_error"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/r/<path:path>", no_other_site),
    path("admin/", include("events.console.urls")),
    path("admin/", admin.site.urls),
    path("api/logs/stream", stream, name="stream"),
    path("api/", include("events.api.urls")),
    path("static/<path:path>", static_file),
]
