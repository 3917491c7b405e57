"""The parameters of the list under /admin/: the API's, but names for ids, and up to an id."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.event_filter import NONE, EventFilter
from events.filters.fields import ParsedTextField, ValuesField
from events.filters.filterset import AnyOf, EventFilterSet, Instant, SearchFilter, TrueFalse
from events.filters.search.normalise import MAX_NAMES
from events.filters.subject_lookup import MATCHES_BOUND, accounts_named, devices_named
from events.models import Account, Device
from events.web.operator_form import read_id

Subject = Device | Account


class SubjectsField(ValuesField):
    """Names or ids: a mapping of each to the devices or accounts it stands for, [None] of `NONE`.

    They are looked up first, so that the events are read by their index on the id. May raise
    `TookTooLong`.
    """

    def __init__(self, *, find: Callable[[str], Sequence[Subject]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.find = find

    def to_python(self, value: list[str] | None) -> Any:
        texts = value or []
        if len(texts) > MAX_NAMES:
            raise ValidationError(
                _("At most %(bound)s names or ids can be looked up.") % {"bound": MAX_NAMES}
            )
        return {text: self.parse(text) for text in texts}

    def parse(self, text: str) -> Sequence[Subject | None]:
        if text == NONE:
            return [None]
        found = self.find(text)
        if not found:
            raise ValidationError(self.error_messages["invalid"], params={"text": text})
        if len(found) > MATCHES_BOUND:
            raise ValidationError(
                _("“%(text)s” stands for more than %(bound)s names: type more of it.")
                % {"text": text, "bound": MATCHES_BOUND}
            )
        return found


class Subjects(AnyOf):
    """The column holds the id of one of those named."""

    field_class = SubjectsField


class EventIdField(ParsedTextField):
    def parse(self, text: str) -> int:
        number = read_id(text)
        if number is None:
            raise ValueError(_("“%(text)s” is not an event's id.") % {"text": text})
        return number


class UpToId(django_filters.Filter):  # type: ignore[misc]  # django-filter has no types
    field_class = EventIdField


def _saying(text: Any) -> dict[str, Any]:
    return {"error_messages": {"invalid": text}}


class ListFilterSet(EventFilterSet):
    """Filters of the list under /admin/."""

    resolved = TrueFalse(
        "resolved", **_saying(gettext_lazy("State: “%(text)s” is neither true nor false."))
    )
    since = Instant("timestamp", "gte", **_saying(gettext_lazy("Time: %(error)s")))
    until = Instant("timestamp", "lt", **_saying(gettext_lazy("Time: %(error)s")))
    q = SearchFilter(**_saying(gettext_lazy("Search: %(error)s")))
    device = Subjects(
        "device_id",
        "",
        find=devices_named,
        **_saying(gettext_lazy("No device has the name or id “%(text)s”.")),
    )
    account = Subjects(
        "account_id",
        "",
        find=accounts_named,
        **_saying(gettext_lazy("No account has the username or id “%(text)s”.")),
    )
    max_id = UpToId("id", "lte")

    @property
    def problems(self) -> list[str]:
        """What could not be read, in words for the operator. May raise `TookTooLong`."""
        problems = [reason for reasons in self.errors.values() for reason in reasons]
        since, until = (self.form.cleaned_data.get(name) for name in ("since", "until"))
        if since and until and since > until:
            problems.append(_("Time: “from” is later than “until”."))
        return problems

    @cached_property
    def event_filter(self) -> EventFilter:
        given = dict(self.form.cleaned_data)
        for name in {"device", "account"} & given.keys():
            rows = chain.from_iterable(given.pop(name).values())
            given[f"{name}_id"] = list(dict.fromkeys(row.pk if row else NONE for row in rows))
        return EventFilter.of(given)
