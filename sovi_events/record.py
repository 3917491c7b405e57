"""One event as the caller gave it: checked, and made storable."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self, overload
from uuid import UUID

from . import catalog
from .errors import InvalidEvent
from .storable import shown, storable_context, storable_message, storable_text

MANY = 500
"""Events in a call from which on they are stored by COPY, and by themselves."""
NAME_CHARACTERS = 200
"""A category or event type is a name; PostgreSQL's index entries end at about 2,700 bytes."""
ID_CHARACTERS = 200
"""Of a text that is kept as the id of an unknown device or account."""


class Record(NamedTuple):
    """One event ready to be stored; `context` is JSON text, ids are UUIDs."""

    category: str
    severity: str
    event_type: str
    message: str
    device_id: UUID | None
    account_id: UUID | None
    context: str

    @classmethod
    def of(
        cls,
        category: str,
        severity: str,
        event_type: str,
        message: str,
        *,
        device_id: UUID | str | None = None,
        account_id: UUID | str | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Self:
        """Check the arguments of `emit`; raises `InvalidEvent` naming the one to change."""
        device, account = subject("device_id", device_id), subject("account_id", account_id)
        record = cls(
            checked_name("category", category),
            checked_severity("severity", severity),
            checked_name("event_type", event_type),
            checked_message("message", message),
            device if isinstance(device, UUID) else None,
            account if isinstance(account, UUID) else None,
            _checked_context(context),
        )
        unknown = {
            f"unknown_{name}": value
            for name, value in (("device_id", device), ("account_id", account))
            if isinstance(value, str)
        }
        return record.with_context(unknown) if unknown else record

    def with_context(self, entries: Mapping[str, Any]) -> Self:
        """Return the event with these entries in its context, in place of those of their names."""
        context = {name: it for name, it in json.loads(self.context).items() if name not in entries}
        return self._replace(context=storable_context({**entries, **context}))

    @classmethod
    def from_mapping(cls, index: int, arguments: Mapping[str, Any]) -> Self:
        """Read one of `emit_many`'s mappings; `index` is its place, for the error."""
        names = cls._fields
        try:
            if not isinstance(arguments, Mapping):
                raise InvalidEvent(
                    f"must be a mapping of emit's parameters, not {shown(arguments)}"
                )
            if unknown := [shown(key) for key in arguments if key not in names]:
                raise InvalidEvent(f"{unknown[0]} is no parameter; allowed: {', '.join(names)}")
            if missing := [name for name in names[:4] if name not in arguments]:
                raise InvalidEvent(f"{missing[0]} is missing")
            return cls.of(**arguments)
        except InvalidEvent as error:
            raise InvalidEvent(f"events[{index}]: {error}") from None
        except Exception as error:  # the mapping's own
            raise InvalidEvent(f"events[{index}]: can't be read: {shown(error)}") from error


class Records(Sequence[Record]):
    """Several events as the caller gave them; many are checked when they are first read.

    So PostgreSQL can take the first of thousands while the rest are checked. Reading raises
    `InvalidEvent` naming the event to change.
    """

    def __init__(self, events: object) -> None:
        """Check the argument of `emit_many`, and few events at once; raises `InvalidEvent`."""
        if not isinstance(events, Iterable) or isinstance(events, Mapping | str | bytes):
            raise InvalidEvent(f"events must be an iterable of mappings, not {shown(events)}")
        self._given = list(events)
        self._checked: list[Record | None] = [None] * len(self._given)
        if len(self) < MANY:
            self[:]

    def __len__(self) -> int:
        return len(self._given)

    @overload
    def __getitem__(self, which: int) -> Record: ...

    @overload
    def __getitem__(self, which: slice) -> Sequence[Record]: ...

    def __getitem__(self, which: int | slice) -> Record | Sequence[Record]:
        if isinstance(which, slice):
            return [self._record(index) for index in range(len(self))[which]]
        return self._record(range(len(self))[which])

    def _record(self, index: int) -> Record:
        # The writer may read it while the caller, out of time, puts it on disk: one that both
        # check is checked twice.
        record = self._checked[index]
        if record is None:
            record = self._checked[index] = Record.from_mapping(index, self._given[index])
        return record


def checked_name(argument: str, value: object) -> str:
    """Return a category or event type, any non-blank text of at most 200 characters."""
    text = storable_text(_text(argument, value))
    if len(text) > NAME_CHARACTERS:
        raise InvalidEvent(
            f"{argument} must be a name of at most {NAME_CHARACTERS} characters, not {len(text)}"
        )
    return text


def checked_severity(argument: str, value: object) -> str:
    return one_of(argument, value, catalog.SEVERITIES)


def one_of(argument: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise InvalidEvent(f"{argument} must be one of {', '.join(allowed)}; not {shown(value)}")
    return storable_text(value)


def checked_message(argument: str, value: object) -> str:
    """Return any non-blank text, storable and at most 8 KB; raises `InvalidEvent`."""
    return storable_message(_text(argument, value))


def subject(argument: str, value: object) -> UUID | str | None:
    """Return the id of a device or account; a text that is no UUID is one in no table.

    Blank text is None. Raises `InvalidEvent` for what is neither a UUID, text nor None.
    """
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            return UUID(value)
        except ValueError:
            return storable_text(value)[:ID_CHARACTERS]
    return optional_uuid(argument, value)


def optional_uuid(argument: str, value: object) -> UUID | None:
    """Return an id to look rows up by; raises `InvalidEvent` for text that is no UUID, too."""
    if value is None:
        return None
    if isinstance(value, UUID):
        return UUID(int=value.int)  # drivers have subclasses; an array wants one type
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise InvalidEvent(f"{argument} must be a UUID or None, not {shown(value)}")


def _text(argument: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidEvent(f"{argument} must be text, not {shown(value)}")
    if not value.strip():
        raise InvalidEvent(f"{argument} must not be empty")
    return value


def _checked_context(context: object) -> str:
    if context is None:
        return "{}"
    if not isinstance(context, Mapping):
        raise InvalidEvent(f"context must be a mapping or None, not {shown(context)}")
    return storable_context(context)
