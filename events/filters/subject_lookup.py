"""The devices and accounts that a typed name or id stands for."""

import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from django.db.models import Expression, Model, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat, Length

from events.models import Account, Device

from .name_folding import as_text, folded, holds_ascii, may_hold, must_be_folded

Row = TypeVar("Row", bound=Model)

MATCHES_BOUND = 200
"""Devices or accounts a typed name may stand for; their ids go into the events' query."""

READ_BOUND = 20_000
"""Rows read at most for a name, most of them names beyond ASCII: each of those is folded here."""


def devices_named(text: str) -> Sequence[Device]:
    """The one with this id, else those of this name, else those whose name holds the text.

    Names are compared as `folded`. At most one more than `MATCHES_BOUND`. The caller
    limits the time.
    """
    return _named(Device, text, as_text("name"), lambda device: [device.name or ""])


def accounts_named(text: str) -> Sequence[Account]:
    """Like `devices_named`, by username, or as the list shows it: platform/username."""

    def names(account: Account) -> list[str]:
        username = account.username or ""
        with_platform = f"{account.platform or ''}/{username}"
        return [with_platform, username] if "/" in text else [username, with_platform]

    name: Expression = as_text("username")
    if "/" in text:
        name = Concat(as_text("platform"), Value("/", TextField()), name)
    return _named(Account, text, name, names)


def gone(model: type[Row], subject_id: uuid.UUID) -> list[Row]:
    """Return one of this id alone whose row is gone, if events of it are there.

    So it is where other programs delete devices, and their table of events has no foreign key.
    """
    subject: Any = model(pk=subject_id)
    return [subject] if subject.events.exists() else []


def is_uuid(text: str) -> bool:
    """Whether it is an id, not a name."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def holding(rows: QuerySet[Any], columns: Sequence[str], text: str) -> Q:
    """What a list finds by a typed text: the rows of which one of the columns holds it."""
    wanted, condition, odd = folded(text), Q(), Q()
    for column in columns:
        condition |= holds_ascii(as_text(column), wanted)
        odd |= Q(must_be_folded(as_text(column)))
    read = rows.filter(odd).values_list("pk", *columns)[:READ_BOUND]
    return condition | Q(
        pk__in=[pk for pk, *names in read if any(wanted in folded(name or "") for name in names)]
    )


def _named(
    model: type[Row], text: str, name: Expression, names: Callable[[Row], list[str]]
) -> list[Row]:
    """`names` are those a row may be called by in full; the first is the one `name` reads."""
    rows: QuerySet[Row] = model._default_manager.all()
    with suppress(ValueError):
        subject_id = uuid.UUID(text)
        return list(rows.filter(pk=subject_id)) or gone(model, subject_id)
    wanted = folded(text)
    if not wanted:
        return []
    # Those that PostgreSQL judged before those that it could not, of each the shortest first: a
    # name typed in full is among them however many merely contain it.
    maybe = rows.filter(may_hold(name, wanted)).order_by(must_be_folded(name), Length(name))
    found = [row for row in maybe[:READ_BOUND] if wanted in folded(names(row)[0])]
    exact = [row for row in found if wanted in map(folded, names(row))]
    return exact or found[: MATCHES_BOUND + 1]
