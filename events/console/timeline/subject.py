"""What a timeline is about: one device or one account, as its address names it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from events.filters.subject_lookup import accounts_named, devices_named, is_uuid
from events.models import Account, Device
from events.web.names import refusal

Subject = Device | Account


@dataclass(frozen=True)
class SubjectType:
    """A sort of subject: its parameter, which is the events' column too, and what it is called."""

    parameter: str
    label: Any
    find: Callable[[str], Sequence[Subject]]


SUBJECT_TYPES = (
    SubjectType("device", gettext_lazy("Device"), devices_named),
    SubjectType("account", gettext_lazy("Account"), accounts_named),
)


class AmbiguousSubject(ValueError):
    """Not one subject; `matches` are those that the address may mean, with their sort."""

    def __init__(
        self, reason: str, sort: SubjectType | None = None, matches: Sequence[Subject] = ()
    ):
        super().__init__(reason)
        self.sort = sort
        self.matches = matches


def read_subject(query: QueryDict, named: Collection[str]) -> tuple[SubjectType, Subject] | None:
    """Return whom `?device=` or `?account=` names, by id or by name; None when neither is given.

    By a name only where the subject is one of `named`. Raises `AmbiguousSubject`.
    """
    given = [
        (sort, text) for sort in SUBJECT_TYPES if (text := query.get(sort.parameter, "").strip())
    ]
    if not given:
        return None
    if len(given) > 1:
        raise AmbiguousSubject(_("A timeline is about a device or an account, not both."))
    [(sort, text)] = given
    if sort.parameter not in named and not is_uuid(text):
        raise AmbiguousSubject(refusal(sort.parameter), sort)
    matches = [] if "\0" in text else sort.find(text)
    if not matches:
        text = text.replace("\0", "\N{SYMBOL FOR NULL}")
        raise AmbiguousSubject(_("Nothing has the name or id “%(text)s”.") % {"text": text}, sort)
    if len(matches) > 1:
        raise AmbiguousSubject(_("“%(text)s” stands for several:") % {"text": text}, sort, matches)
    return sort, matches[0]
