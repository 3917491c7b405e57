"""What `get_events` asks for: checked, and turned into a statement."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self
from uuid import UUID

from . import catalog, index_scan
from .errors import InvalidEvent
from .following.position import MAX_ID
from .record import checked_name, optional_uuid
from .statements import COLUMNS
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
            "category": _several("category", category, checked_name),
            "severity": _several("severity", severity, _asked_severity),
            "event_type": _several("event_type", event_type, checked_name),
            "device_id": [optional_uuid("device_id", device_id)],
            "account_id": [optional_uuid("account_id", account_id)],
        }
        if resolved is not None and not isinstance(resolved, bool):
            raise InvalidEvent(f"resolved must be True, False or None, not {shown(resolved)}")
        return cls(
            {column: values for column, values in equal.items() if any(values)},
            resolved,
            _whole("limit", limit, 1, MAX_LIMIT),
            None if after_id is None else _whole("after_id", after_id, 0, MAX_ID),
        )

    def statement(self, settled_id: int | None) -> index_scan.Statement:
        """Return SQL for the events, newest id first, and its parameters.

        With `after_id`, ascending from it and no further than `settled_id`.
        """
        conditions = ["TRUE"]
        params: list[Any] = []
        if self.resolved is not None:
            conditions.append("resolved IS TRUE" if self.resolved else "resolved IS NOT TRUE")
        if self.after_id is not None:
            conditions.append("id > %s AND id <= %s")
            params += [self.after_id, settled_id]
        if index := index_scan.index_for(self.equal, self.resolved):
            for column, values in self.equal.items():
                conditions.append(f"{column} = ANY(%s::{index_scan.TYPES[column]}[])")
                params.append(list(values))
            source = index_scan.SourceQuery(
                f"SELECT {', '.join(index_scan.SOURCE_COLUMNS)} FROM system_events "
                f"WHERE {' AND '.join(conditions)}",
                params,
            )
            ids, params = index_scan.merged_ids(
                source,
                index,
                self.equal,
                self.resolved,
                limit=self.limit,
                ascending=self.after_id is not None,
            )
            conditions = [f"id = ANY(ARRAY({ids}))"]
        return (
            f"SELECT {', '.join(COLUMNS)} FROM system_events WHERE {' AND '.join(conditions)} "
            f"ORDER BY id {'DESC' if self.after_id is None else 'ASC'} LIMIT {self.limit}",
            params,
        )


def _several(argument: str, value: Any, check: Callable[[str, object], str]) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        value = (value,)
    if not value:
        raise InvalidEvent(f"{argument} must name at least one, or be None for all")
    return [check(argument, it) for it in value]


def _asked_severity(argument: str, value: object) -> str:
    text = checked_name(argument, value)
    try:
        return catalog.asked_for(text, catalog.SEVERITIES)
    except ValueError as error:
        raise InvalidEvent(f"{argument}: {error}") from None


def _whole(argument: str, value: object, lowest: int, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise InvalidEvent(
            f"{argument} must be a whole number from {lowest} to {highest}, not {shown(value)}"
        )
    return value
