"""The admin of accounts."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from events.models import Account
from sovi_events.readable import readable

from .subject import SubjectAdmin


@admin.register(Account)
class AccountAdmin(SubjectAdmin):
    list_display = ("label", "platform_name", "identifier", "events_link")
    list_display_links = ("label",)
    search_fields = ("username", "platform")
    search_help_text = _("By username or platform, or by the whole id.")
    ordering = ("username", "id")
    events_parameter = "account"
    summary = _("Account")

    @admin.display(description=_("username"), ordering="username")
    def label(self, account: Any) -> str:
        return str(account.label)

    # Not sortable: where the column is an enum, its order is not the alphabet's.
    @admin.display(description=_("platform"))
    def platform_name(self, account: Any) -> str:
        return readable(str(account.platform))
