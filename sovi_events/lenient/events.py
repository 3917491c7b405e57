"""Events of any arguments: stored as well as they can be, with what was wrong in the context."""

from collections.abc import Iterable, Mapping
from typing import Any

from .. import catalog
from ..record import (
    ID_CHARACTERS,
    NAME_CHARACTERS,
    Record,
    checked_message,
    checked_name,
    checked_severity,
    subject,
)
from ..storable import as_text, shown, storable_message, storable_text
from .mistakes import Mistakes, is_blank

INVALID = "invalid_arguments"
"""The key of the context that holds, by name, the arguments that could not be taken."""
UNKNOWN = "unknown"
"""The category or event type of an event that names none."""
NO_MESSAGE = "(no message)"
UNKNOWN_SEVERITY = "warning"
"""Nobody knows how bad it is: `info` may be overlooked, `error` and `critical` may wake people."""


def record_of(mistakes: Mistakes, arguments: Mapping[str, object]) -> Record:
    """Make an event of what `emit` was given; one that is missing counts as None."""
    given = arguments.get
    record = Record.of(
        mistakes.checked("category", given("category"), checked_name, _name),
        mistakes.checked("severity", given("severity"), _severity, lambda _: UNKNOWN_SEVERITY),
        mistakes.checked("event_type", given("event_type"), checked_name, _name),
        mistakes.checked("message", given("message"), checked_message, _message),
        device_id=mistakes.checked("device_id", given("device_id"), subject, _unknown_id),
        account_id=mistakes.checked("account_id", given("account_id"), subject, _unknown_id),
        context=_context(mistakes, given("context")),
    )
    return record.with_context({INVALID: mistakes.values}) if mistakes.values else record


def records_of(events: object) -> list[Record]:
    """Make events of what `emit_many` was given; log what was wrong with each."""
    mistakes = Mistakes("emit_many")
    records = []
    for event in _each(mistakes, events):
        of_event = Mistakes("emit_many")
        records.append(record_of(of_event, _arguments(of_event, event)))
        of_event.log()
    mistakes.log()
    return records


def _each(mistakes: Mistakes, events: object) -> Iterable[object]:
    if isinstance(events, Mapping):
        return [events]
    if is_blank(events):
        return []
    if isinstance(events, str) or not isinstance(events, Iterable):
        reason = f"events must be an iterable of mappings, not {shown(events)}"
        mistakes.add("events", events, reason)
        return [events]
    found: list[object] = []
    try:
        found.extend(events)  # keeps what came before an error
    except Exception as error:
        mistakes.add("events", None, f"events ended after {len(found)} with {shown(error)}")
    return found


def _arguments(mistakes: Mistakes, event: object) -> Mapping[str, object]:
    if not isinstance(event, Mapping):
        reason = f"an event must be a mapping of emit's parameters, not {shown(event)}"
        mistakes.add("event", event, reason)
        return {"message": event}
    arguments: dict[str, object] = {}
    try:
        for key, value in event.items():
            if key in Record._fields:
                arguments[key] = value
            else:
                mistakes.add(as_text(key), value, f"{shown(key)} is no parameter of emit")
    except Exception as error:  # it may be anybody's class
        mistakes.add("event", event, f"an event could not be read: {shown(error)}")
    return arguments


def _severity(argument: str, value: object) -> str:
    """Take the known ones in capitals and between spaces, too."""
    folded = str.strip(value).lower() if isinstance(value, str) else None
    return folded if folded in catalog.SEVERITIES else checked_severity(argument, value)


def _name(value: object) -> str:
    if is_blank(value) or not isinstance(value, str):
        return UNKNOWN
    return storable_text(value)[:NAME_CHARACTERS]


def _message(value: object) -> str:
    text = "" if is_blank(value) else storable_message(as_text(value))
    return text if text.strip() else NO_MESSAGE


def _unknown_id(value: object) -> str:
    return as_text(value)[:ID_CHARACTERS]


def _context(mistakes: Mistakes, value: object) -> Mapping[Any, Any] | None:
    if isinstance(value, Mapping):
        return value
    if not is_blank(value):
        mistakes.add("context", value, f"context must be a mapping, not {shown(value)}")
    return None
