"""The devices and accounts that a typed name or id stands for."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Length

from events.models import Account, Device

Row = TypeVar("Row", bound=Model)

MATCHES_BOUND = 200
"""Devices or accounts a typed name may stand for; their ids go into the events' query."""


def devices_named(text: str) -> Sequence[Device]:
    """The one with this id, else those of this name, else those whose name holds the text.

    Letters match in any case. At most one more than `MATCHES_BOUND`.
    """
    return _named(Device, "name", text, Q(name__icontains=text))


def accounts_named(text: str) -> Sequence[Account]:
    """Like `devices_named`, by username, or as the list shows it: platform/username."""
    condition = Q(username__icontains=text)
    platform, slash, username = text.partition("/")
    if slash:
        # iexact compares as text, whatever the column's type.
        condition |= Q(platform__iexact=platform, username__icontains=username)
    return _named(Account, "username", text, condition)


def _named(model: type[Row], column: str, text: str, condition: Q) -> list[Row]:
    rows: QuerySet[Row] = model._default_manager.all()
    with suppress(ValueError):
        return list(rows.filter(pk=uuid.UUID(text)))
    # The shortest first: a name typed in full is among them however many merely contain it.
    found = list(rows.filter(condition).order_by(Length(column))[: MATCHES_BOUND + 1])
    wanted = text.casefold()
    exact = [
        row for row in found if wanted in (getattr(row, column).casefold(), str(row).casefold())
    ]
    return exact or found
