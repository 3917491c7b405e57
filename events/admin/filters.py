"""The list's filters as chips, choices and links."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

from django.contrib.admin import ListFilter
from django.http import HttpRequest
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import EventFilter
from sovi_events import catalog


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
    """A filter that lives in the address: it reads its parameters and says what it can't read."""

    parameter_names: ClassVar[tuple[str, ...]]

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.problems: list[str] = []
        self.given = {name: self._read(params.pop(name, [])) for name in self.parameter_names}

    def _read(self, values: Sequence[str]) -> list[str]:
        read = []
        for value in values:
            if "\0" in value:
                self.problems.append(
                    _("%(filter)s: the text holds a NUL character.")
                    % {"filter": capfirst(str(self.title))}
                )
            elif value.strip() and value.strip() not in read:
                read.append(value.strip())
        return read

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        """Those of the parameters that are typed into a field of the filters' form."""
        return ()

    def stream_parameters(self) -> list[tuple[str, str]]:
        """The same filter as the API names it."""
        return [(name, value) for name, values in self.given.items() for value in values]

    def normalised_parameters(self) -> list[tuple[str, str]]:
        """The same filter as the API names it, for whoever reads it later."""
        return self.stream_parameters()

    @property
    def active(self) -> bool:
        return any(self.given.values())

    def chips(self, changelist: HasLinks) -> Iterator[Chip]:
        for name, values in self.given.items():
            for value in values:
                rest = [other for other in values if other != value]
                yield Chip(str(self.title), self.shown(value), changelist.link(**{name: rest}))

    def shown(self, value: str) -> str:
        return value


class ChoiceFilter(UrlFilter):
    """Any of several values of one column; one the catalogue doesn't know works like any other."""

    template = "admin/events/filters/choices.html"
    known: ClassVar[Sequence[str]]

    def _read(self, values: Sequence[str]) -> list[str]:
        # As in REST, a parameter may be repeated or hold several values between commas.
        return super()._read([part for value in values for part in value.split(",")])

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        [(column, values)] = self.given.items()
        return queryset.matching(EventFilter.where(**{column: values})) if values else queryset

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        [(name, values)] = self.given.items()
        for value in (*self.known, *(value for value in values if value not in self.known)):
            selected = value in values
            after = [v for v in values if v != value] if selected else [*values, value]
            yield {
                "display": self.shown(value),
                "selected": selected,
                "url": changelist.link(**{name: after}),
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


class StateFilter(UrlFilter):
    """Unresolved or resolved, in REST's words: `resolved=false` or `true`."""

    title = gettext_lazy("state")
    template = "admin/events/filters/choices.html"
    parameter_names = ("resolved",)
    labels: ClassVar[dict[str, Any]] = {
        "false": gettext_lazy("unresolved"),
        "true": gettext_lazy("resolved"),
    }

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        values = self.given["resolved"]
        for value in set(values) - set(self.labels):
            self.problems.append(
                _("State: “%(value)s” is neither true nor false.") % {"value": value}
            )
        if not values:
            return queryset
        return queryset.resolved() if values[-1] == "true" else queryset.unresolved()

    def stream_parameters(self) -> list[tuple[str, str]]:
        return [("resolved", value) for value in self.given["resolved"][-1:]]

    def chips(self, changelist: HasLinks) -> Iterator[Chip]:
        for value in self.given["resolved"][-1:]:
            yield Chip(str(self.title), self.shown(value), changelist.link(resolved=[]))

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        current = self.given["resolved"][-1:]
        for value, label in self.labels.items():
            selected = current == [value]
            yield {
                "display": label,
                "selected": selected,
                "url": changelist.link(resolved=[] if selected else [value]),
            }

    def shown(self, value: str) -> str:
        return str(self.labels.get(value, value))
