"""The keys of a search: which columns they stand for, and what may follow each."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from events.times import read_time
from sovi_events import catalog
from sovi_events.following.position import MAX_ID, MIN_ID
from sovi_events.whole_number import whole_number

NONE = "-"
"""What asks, in a parameter or a search, for the events that name no device or no account."""

# Any will do: a duration is one whatever it is counted from.
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """`check` returns a value as it is kept, or raises ValueError saying what to change.

    `value` reads what is kept as the column has it.
    """

    column: str
    check: Callable[[str], str] = str
    value: Callable[[str], Any] = str
    several: bool = True


def _yes_or_no(text: str) -> str:
    try:
        return {"yes": "yes", "no": "no", "true": "yes", "false": "no"}[text.lower()]
    except KeyError:
        raise ValueError(f"“{text}” is neither yes nor no.") from None


def _id(text: str) -> str:
    number = whole_number(text, MIN_ID, MAX_ID)
    if number is None:
        raise ValueError(f"“{text}” is not an event's id.")
    return str(number)


def _time(text: str) -> str:
    read_time(text, now=_SOME_TIME, zone=UTC)
    return text


def read_subject_id(text: str) -> UUID | None:
    return None if text == NONE else UUID(text)


KEYS = {
    "severity": Key("severity", partial(catalog.asked_for, known=catalog.SEVERITIES)),
    "category": Key("category"),
    "type": Key("event_type"),
    "device": Key("device_id", value=read_subject_id),
    "account": Key("account_id", value=read_subject_id),
    "resolved": Key("resolved", _yes_or_no, several=False),
    "resolved_by": Key("resolved_by", partial(catalog.asked_for, known=catalog.RESOLVERS)),
    "id": Key("id", _id, int),
    "since": Key("timestamp", _time, datetime.fromisoformat, several=False),
    "until": Key("timestamp", _time, datetime.fromisoformat, several=False),
}
