"""Django's admin, with our site in place of its own."""

from django.contrib.admin.apps import AdminConfig


class EventsAdminConfig(AdminConfig):
    default = False
    default_site = "sovi_site.admin_site.EventsSite"
