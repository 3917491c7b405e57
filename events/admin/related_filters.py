import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.models import Account, Device

from .filters import Chip, UrlFilter

if TYPE_CHECKING:
    from .changelist import BoundedChangeList

MATCHES_BOUND = 200
"""Devices or accounts a typed name may stand for; their ids go into the events' query."""


class NameFilter(UrlFilter):
    """Events of the devices or accounts that a typed name or id stands for.

    The names are looked up first, so that the events are read by their index on the id.
    """

    template = "admin/events/filters/text.html"
    related: ClassVar[type[Device] | type[Account]]
    name_column: ClassVar[str]
    placeholder: ClassVar[Any] = gettext_lazy("name or id")
    matches: Sequence[Device | Account] = ()

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        return self.parameter_names

    @property
    def text(self) -> str:
        [values] = self.given.values()
        return values[-1] if values else ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        [column] = self.parameter_names
        if not self.text:
            return queryset
        self.matches = self._find(self.text)
        if not self.matches:
            self.problems.append(self.nothing_found(self.text))
        elif len(self.matches) > MATCHES_BOUND:
            self.problems.append(
                _("“%(text)s” stands for more than %(bound)s names: type more of it.")
                % {"text": self.text, "bound": MATCHES_BOUND}
            )
        return queryset.filter(**{f"{column}__in": [match.pk for match in self.matches]})

    def _find(self, text: str) -> Sequence[Device | Account]:
        rows: Any = self.related.objects
        with suppress(ValueError):
            return list(rows.filter(pk=uuid.UUID(text)))
        # The shortest first: a name typed in full is among them however many merely contain it.
        found = list(
            rows.filter(self.condition(text)).order_by(Length(self.name_column))[
                : MATCHES_BOUND + 1
            ]
        )
        exact = [match for match in found if self.is_exactly(match, text)]
        return exact or found

    def condition(self, text: str) -> Q:
        return Q(**{f"{self.name_column}__icontains": text})

    def is_exactly(self, match: Any, text: str) -> bool:
        return bool(getattr(match, self.name_column).casefold() == text.casefold())

    def nothing_found(self, text: str) -> str:
        raise NotImplementedError

    def stream_parameters(self) -> list[tuple[str, str]]:
        [column] = self.parameter_names
        return [(f"{column}_id", str(match.pk)) for match in self.matches]

    def chips(self, changelist: "BoundedChangeList") -> Iterator[Chip]:
        [name] = self.parameter_names
        if self.text:
            yield Chip(str(self.title), self.shown(self.text), changelist.link(**{name: []}))

    def shown(self, value: str) -> str:
        if len(self.matches) == 1:
            return str(self.matches[0])
        if 1 < len(self.matches) <= MATCHES_BOUND:
            return _("%(text)s (%(count)s names)") % {"text": value, "count": len(self.matches)}
        return value

    def choices(self, changelist: "BoundedChangeList") -> Iterator[Any]:  # type: ignore[override]
        [name] = self.parameter_names
        yield {"name": name, "value": self.text, "placeholder": self.placeholder}


class DeviceFilter(NameFilter):
    title = gettext_lazy("device")
    parameter_names = ("device",)
    related = Device
    name_column = "name"

    def nothing_found(self, text: str) -> str:
        return _("No device has the name or id “%(text)s”.") % {"text": text}


class AccountFilter(NameFilter):
    """By username or id, or as the list shows it: platform/username."""

    title = gettext_lazy("account")
    parameter_names = ("account",)
    related = Account
    name_column = "username"
    placeholder = gettext_lazy("username or id")

    def condition(self, text: str) -> Q:
        condition = super().condition(text)
        platform, slash, username = text.partition("/")
        if slash:
            # iexact compares as text, whatever the column's type.
            condition |= Q(platform__iexact=platform, username__icontains=username)
        return condition

    def is_exactly(self, match: Any, text: str) -> bool:
        return super().is_exactly(match, text) or str(match).casefold() == text.casefold()

    def nothing_found(self, text: str) -> str:
        return _("No account has the username or id “%(text)s”.") % {"text": text}
