"""The list's filter by time and up to an id."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import EventFilter
from events.times import is_ago, read_time
from sovi_events.following.position import MAX_ID

from .filters import Chip, HasLinks, UrlFilter

PRESETS = {
    "15m": gettext_lazy("15 min"),
    "1h": gettext_lazy("1 h"),
    "24h": gettext_lazy("24 h"),
    "7d": gettext_lazy("7 d"),
}


class RangeFilter(UrlFilter):
    """From when, until when, and up to which id."""

    title = gettext_lazy("time")
    template = "admin/events/filters/time.html"
    parameter_names = ("since", "until", "max_id")
    labels: ClassVar[dict[str, Any]] = {
        "since": gettext_lazy("from"),
        "until": gettext_lazy("until"),
        "max_id": gettext_lazy("up to id"),
    }

    @property
    def typed_parameters(self) -> tuple[str, ...]:
        # A relative start has no field; its hidden input yields to a time typed after it.
        return ("until",) if is_ago(self._text("since")) else ("since", "until")

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        since, until = self._instant("since"), self._instant("until")
        if since and until and since > until:
            self.problems.append(_("Time: “from” is later than “until”."))
        queryset = queryset.matching(EventFilter.of({"since": since, "until": until}))
        if (max_id := self._max_id()) is not None:
            queryset = queryset.filter(pk__lte=max_id)
        return queryset

    def stream_parameters(self) -> list[tuple[str, str]]:
        # What arrives is later than any start; where the list has an end, nothing arrives.
        return [(name, self._text(name)) for name in ("until", "max_id") if self._text(name)]

    def normalised_parameters(self) -> list[tuple[str, str]]:
        # Up to which id is not a filter of the API; the list asks for it besides.
        instants = ((name, self._instant(name)) for name in ("since", "until"))
        return [(name, instant.isoformat()) for name, instant in instants if instant]

    def _text(self, name: str) -> str:
        values = self.given[name]
        return values[-1] if values else ""

    def _instant(self, name: str) -> datetime | None:
        text = self._text(name)
        try:
            return read_time(text) if text else None
        except ValueError:
            self.problems.append(
                _("Time: “%(text)s” is not a time such as 2025-01-31T18:30:00, 15m, 2h or 7d.")
                % {"text": text}
            )
            return None

    def _max_id(self) -> int | None:
        text = self._text("max_id")
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 19):
            self.problems.append(_("“%(text)s” is not an event's id.") % {"text": text})
            return None
        return min(int(text), MAX_ID)

    def chips(self, changelist: HasLinks) -> Iterator[Chip]:
        for name, label in self.labels.items():
            if text := self._text(name):
                yield Chip(str(label), self.shown(text), changelist.link(**{name: []}))

    def shown(self, value: str) -> str:
        if is_ago(value):
            return _("%(duration)s ago") % {"duration": PRESETS.get(value, value)}
        return value.replace("T", " ")

    def choices(self, changelist: HasLinks) -> Iterator[Any]:  # type: ignore[override]
        since, until = self._text("since"), self._text("until")
        for value, label in PRESETS.items():
            selected = since == value and not until
            link = changelist.link(since=[] if selected else [value], until=[])
            yield {"display": label, "selected": selected, "url": link}

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [
            {"name": name, "label": self.labels[name], "value": self._for_input(self._text(name))}
            for name in ("since", "until")
        ]

    def _for_input(self, text: str) -> str:
        if not text or is_ago(text):
            return ""
        try:
            local = timezone.localtime(read_time(text))
        except (ValueError, OverflowError):
            return ""
        return local.replace(tzinfo=None).isoformat(timespec="seconds")
