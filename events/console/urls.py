"""Pages that stand in the admin, before its own: for those who may enter it."""

from django.contrib import admin
from django.urls import path

from .dashboard import dashboard
from .live import live

app_name = "console"
urlpatterns = [
    path("", admin.site.admin_view(dashboard), name="dashboard"),
    path("events/live/", admin.site.admin_view(live), name="live"),
]
