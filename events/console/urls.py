"""Pages that stand in the admin, before its own: for those who may enter it."""

from django.contrib import admin
from django.urls import path

from .dashboard import dashboard

app_name = "console"
urlpatterns = [
    path("", admin.site.admin_view(dashboard), name="dashboard"),
]
