"""The admin's site: its title, its first page and the order of its models."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

admin.site.site_header = _("SOVI Events")
admin.site.site_title = _("SOVI Events")
admin.site.site_url = None  # there is no other site to view
admin.site.index_title = _("Overview")
# The header names the few pages there are; a side bar would take its room from the messages.
admin.site.enable_nav_sidebar = False
