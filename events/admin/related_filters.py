"""The list's filters by the name of a device or an account."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import NONE, EventFilter
from events.filters.subject_lookup import MATCHES_BOUND, accounts_named, devices_named
from events.models import Account, Device
from events.reading.time_limit import time_limit

from .filters import Chip, HasLinks, UrlFilter


class NameFilter(UrlFilter):
    """Events of the devices or accounts that a typed name or id stands for.

    The names are looked up first, so that the events are read by their index on the id.
    """

    template = "admin/events/filters/text.html"
    placeholder: ClassVar[Any] = gettext_lazy("name or id")
    nothing: ClassVar[Any]
    """What a dash stands for: those that are about none."""

    matches: Sequence[Device | Account] = ()

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        return self.parameter_names

    @property
    def text(self) -> str:
        [values] = self.given.values()
        return values[-1] if values else ""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        [column] = self.parameter_names
        if not self.text:
            return queryset
        if self.text == NONE:
            return queryset.matching(EventFilter.where(**{f"{column}_id": None}))
        with time_limit():
            self.matches = self.find(self.text)
        if not self.matches:
            self.problems.append(self.nothing_found(self.text))
        elif len(self.matches) > MATCHES_BOUND:
            self.problems.append(
                _("“%(text)s” stands for more than %(bound)s names: type more of it.")
                % {"text": self.text, "bound": MATCHES_BOUND}
            )
        return queryset.matching(
            EventFilter.where(**{f"{column}_id": [match.pk for match in self.matches]})
        )

    def find(self, text: str) -> Sequence[Device | Account]:
        raise NotImplementedError

    def nothing_found(self, text: str) -> str:
        raise NotImplementedError

    def stream_parameters(self) -> list[tuple[str, str]]:
        [column] = self.parameter_names
        if self.text == NONE:
            return [(f"{column}_id", NONE)]
        return [(f"{column}_id", str(match.pk)) for match in self.matches]

    def chips(self, changelist: HasLinks) -> Iterator[Chip]:
        [name] = self.parameter_names
        if self.text:
            yield Chip(str(self.title), self.shown(self.text), changelist.link(**{name: []}))

    def shown(self, value: str) -> str:
        if value == NONE:
            return str(self.nothing)
        if len(self.matches) == 1:
            return str(self.matches[0])
        if 1 < len(self.matches) <= MATCHES_BOUND:
            return _("%(text)s (%(count)s names)") % {"text": value, "count": len(self.matches)}
        return value

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        [name] = self.parameter_names
        yield {"name": name, "value": self.text, "placeholder": self.placeholder}


class DeviceFilter(NameFilter):
    title = gettext_lazy("device")
    nothing = gettext_lazy("no device")
    parameter_names = ("device",)

    def find(self, text: str) -> Sequence[Device | Account]:
        return devices_named(text)

    def nothing_found(self, text: str) -> str:
        return _("No device has the name or id “%(text)s”.") % {"text": text}


class AccountFilter(NameFilter):
    """By username or id, or as the list shows it: platform/username."""

    title = gettext_lazy("account")
    nothing = gettext_lazy("no account")
    parameter_names = ("account",)
    placeholder = gettext_lazy("username or id")

    def find(self, text: str) -> Sequence[Device | Account]:
        return accounts_named(text)

    def nothing_found(self, text: str) -> str:
        return _("No account has the username or id “%(text)s”.") % {"text": text}
