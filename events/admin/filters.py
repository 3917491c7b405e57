"""The list's filters as chips, choices and links; the list itself reads them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple, Protocol

from django.contrib.admin import ListFilter
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import NONE
from events.filters.subject_lookup import is_uuid
from events.times import is_ago
from events.web.event_html import FORMAT
from events.web.names import refusal, shown_to
from sovi_events import catalog

PRESETS = {
    "15m": gettext_lazy("15 min"),
    "1h": gettext_lazy("1 h"),
    "24h": gettext_lazy("24 h"),
    "7d": gettext_lazy("7 d"),
}


class Chip(NamedTuple):
    """A filter in force, as shown above the list; `remove` is the address without it."""

    label: str
    value: str
    remove: str


class HasLinks(Protocol):
    """The list that a filter stands beside."""

    def link(self, **values: Iterable[str]) -> str:
        """The address of the list with these parameters changed."""


class UrlFilter(ListFilter):
    """Parameters of the address, as they were typed; a single value's last is the one in force."""

    parameter_names: ClassVar[tuple[str, ...]]
    takes_several: ClassVar[bool] = True
    cleaned: Mapping[str, Any] = {}
    """What the list read in its parameters, by name."""

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.problems: list[str] = []
        self.given = {name: self._split(params.pop(name, [])) for name in self.parameter_names}

    def _split(self, texts: Sequence[str]) -> list[str]:
        if "\0" in "".join(texts):
            self.problems.append(
                _("%(filter)s: the text holds a NUL character.")
                % {"filter": capfirst(str(self.title))}
            )
            return []
        if self.takes_several:
            texts = [part for text in texts for part in text.split(",")]
        values = [text.strip() for text in texts if text.strip()]
        return list(dict.fromkeys(values)) if self.takes_several else values[-1:]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset  # the list has one filter for all of them

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        """Those of the parameters that are typed into a field of the filters' form."""
        return ()

    @property
    def active(self) -> bool:
        return any(self.given.values())

    def chips(self, changelist: HasLinks) -> Iterator[Chip]:
        for name, values in self.given.items():
            for value in values:
                rest = [other for other in values if other != value]
                label, shown = self.label(name), self.shown(name, value)
                yield Chip(label, shown, changelist.link(**{name: rest}))

    def label(self, name: str) -> str:
        return str(self.title)

    def shown(self, name: str, value: str) -> str:
        return value


class ChoiceFilter(UrlFilter):
    """Values of one column; one the catalogue doesn't know works like any other."""

    template = "admin/events/filters/choices.html"
    known: ClassVar[Sequence[str]]

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        [(name, values)] = self.given.items()
        for value in dict.fromkeys([*self.known, *values]):
            selected = value in values
            rest = [other for other in values if other != value] if self.takes_several else []
            yield {
                "display": self.shown(name, value),
                "selected": selected,
                "url": changelist.link(**{name: rest if selected else [*rest, value]}),
            }


class SeverityFilter(ChoiceFilter):
    title = gettext_lazy("severity")
    parameter_names = ("severity",)
    known = catalog.SEVERITIES[::-1]


class CategoryFilter(ChoiceFilter):
    title = gettext_lazy("category")
    parameter_names = ("category",)
    known = catalog.CATEGORIES


class EventTypeFilter(ChoiceFilter):
    title = gettext_lazy("event type")
    template = "admin/events/filters/long_choices.html"
    parameter_names = ("event_type",)
    known = sorted({known.name for known in catalog.EVENT_TYPES})


class ResolverFilter(ChoiceFilter):
    title = gettext_lazy("resolved by")
    parameter_names = ("resolved_by",)
    known = catalog.RESOLVERS


class StateFilter(ChoiceFilter):
    """Unresolved or resolved, in REST's words: `resolved=false` or `true`."""

    title = gettext_lazy("state")
    parameter_names = ("resolved",)
    takes_several = False
    labels: ClassVar[dict[str, Any]] = {
        "false": gettext_lazy("unresolved"),
        "true": gettext_lazy("resolved"),
    }
    known = tuple(labels)

    def shown(self, name: str, value: str) -> str:
        return str(self.labels.get(value, value))


class RangeFilter(UrlFilter):
    """From when, until when, and up to which id."""

    title = gettext_lazy("time")
    template = "admin/events/filters/time.html"
    parameter_names = ("since", "until", "max_id")
    takes_several = False
    labels: ClassVar[dict[str, Any]] = {
        "since": gettext_lazy("from"),
        "until": gettext_lazy("until"),
        "max_id": gettext_lazy("up to id"),
    }

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        # A relative start has no field; its hidden input yields to a time typed after it.
        return ("until",) if any(map(is_ago, self.given["since"])) else ("since", "until")

    def label(self, name: str) -> str:
        return str(self.labels[name])

    def shown(self, name: str, value: str) -> str:
        if name == "max_id" or name not in self.cleaned:
            return value
        if is_ago(value):
            return _("%(duration)s ago") % {"duration": PRESETS.get(value, value)}
        return self._local(name).strftime(FORMAT)

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        for value, label in PRESETS.items():
            selected = self.given["since"] == [value] and not self.given["until"]
            link = changelist.link(since=[] if selected else [value], until=[])
            yield {"display": label, "selected": selected, "url": link}

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "label": self.labels[name], "value": self._for_input(name)}
            for name in ("since", "until")
        ]

    def _for_input(self, name: str) -> str:
        if name not in self.cleaned or any(map(is_ago, self.given[name])):
            return ""
        return self._local(name).replace(tzinfo=None).isoformat(timespec="seconds")

    def _local(self, name: str) -> datetime:
        instant: datetime = self.cleaned[name]
        try:
            return timezone.localtime(instant)
        except OverflowError:  # at an end of the calendar
            return instant


class NameFilter(UrlFilter):
    """What a typed name or id stands for; of several, any."""

    template = "admin/events/filters/text.html"
    placeholder: ClassVar[Any] = gettext_lazy("name or id")
    nothing: ClassVar[Any]
    """What a dash stands for: those that are about none."""

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        [(subject, values)] = self.given.items()
        self.is_named = subject in shown_to(request.user)
        if not self.is_named and not all(value == NONE or is_uuid(value) for value in values):
            self.problems.append(refusal(subject))
            self.given[subject] = []

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        return self.parameter_names

    def shown(self, name: str, value: str) -> str:
        if value == NONE:
            return str(self.nothing)
        if not self.is_named:
            return value
        matches = self.cleaned.get(name, {}).get(value, ())
        if len(matches) == 1:
            return str(matches[0])
        if matches:
            return _("%(text)s (%(count)s names)") % {"text": value, "count": len(matches)}
        return value

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        [(name, values)] = self.given.items()
        yield {"name": name, "value": ",".join(values), "placeholder": self.placeholder}


class DeviceFilter(NameFilter):
    title = gettext_lazy("device")
    nothing = gettext_lazy("no device")
    parameter_names = ("device",)


class AccountFilter(NameFilter):
    """By username or id, or as the list shows it: platform/username."""

    title = gettext_lazy("account")
    nothing = gettext_lazy("no account")
    parameter_names = ("account",)
    placeholder = gettext_lazy("username or id")
