"""Pages that stand in the admin, before its own: for those who may enter it."""

from django.contrib import admin
from django.urls import path

import events.web.event_id  # noqa: F401 - registers its converter
from events.console.dashboard.views import dashboard
from events.console.problems.views import problems, resolve
from events.console.timeline.views import timeline

from .health import health
from .live import live

app_name = "console"
urlpatterns = [
    path("", admin.site.admin_view(dashboard), name="dashboard"),
    path("events/health/", admin.site.admin_view(health), name="health"),
    path("events/live/", admin.site.admin_view(live), name="live"),
    path("events/problems/", admin.site.admin_view(problems), name="problems"),
    path(
        "events/problems/<event_id:event_id>/resolve/",
        admin.site.admin_view(resolve),
        name="resolve_problem",
    ),
    path("events/timeline/", admin.site.admin_view(timeline), name="timeline"),
]
