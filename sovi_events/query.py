"""What `get_events` asks for: checked, and turned into a statement."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

from . import catalog, index_scan, statements
from .errors import InvalidEvent
from .following.position import MAX_ID
from .record import checked_name, one_of, optional_uuid
from .storable import shown

MAX_LIMIT = 10_000

Names = str | Sequence[str] | None
"""One name, several of which any may match, or None for all."""


class EventQuery(NamedTuple):
    """Which events: each column in `equal` holds one of its values."""

    equal: dict[str, Sequence[Any]]
    resolved: bool | None
    limit: int
    after_id: int | None

    @classmethod
    def of(
        cls,
        *,
        category: Names,
        severity: Names,
        event_type: Names,
        device_id: UUID | str | None,
        account_id: UUID | str | None,
        resolved: bool | None,
        limit: int,
        after_id: int | None,
    ) -> Self:
        """Check the arguments of `get_events`; raises `InvalidEvent` naming the one to change."""
        equal: dict[str, Sequence[Any]] = {
            "category": [checked_name("category", it) for it in _several("category", category)],
            "severity": [
                one_of("severity", it, catalog.SEVERITIES) for it in _several("severity", severity)
            ],
            "event_type": [
                checked_name("event_type", it) for it in _several("event_type", event_type)
            ],
            "device_id": _several("device_id", optional_uuid("device_id", device_id)),
            "account_id": _several("account_id", optional_uuid("account_id", account_id)),
        }
        if resolved is not None and not isinstance(resolved, bool):
            raise InvalidEvent(f"resolved must be True, False or None, not {shown(resolved)}")
        return cls(
            {column: values for column, values in equal.items() if values},
            resolved,
            _whole("limit", limit, 1, MAX_LIMIT),
            None if after_id is None else _whole("after_id", after_id, 0, MAX_ID),
        )

    def statement(self, settled_id: int | None) -> index_scan.Statement:
        """Return the statement and its parameters; `settled_id` bounds a query with `after_id`."""
        return statements.select_events(
            equal=self.equal,
            resolved=self.resolved,
            limit=self.limit,
            after_id=self.after_id,
            settled_id=settled_id,
        )


def _several(argument: str, value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        return (value,)
    if not value:
        raise InvalidEvent(f"{argument} must name at least one, or be None for all")
    return value


def _whole(argument: str, value: object, lowest: int, highest: int) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:  # type: ignore[operator]
        raise InvalidEvent(
            f"{argument} must be a whole number from {lowest} to {highest}, not {shown(value)}"
        )
    return value  # type: ignore[return-value]
