"""What streams carry: events, and the actions that resolved and reopened some."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Self

from events.models.action import ACTOR_COLUMNS
from events.models.multirange import ids_in
from events.web.event_json import instant, represent
from sovi_events.statements import COLUMNS

from .messages import dump


@dataclass(frozen=True, slots=True)
class Event:
    """A row of `system_events`; `data` is the JSON that REST answers for it."""

    name: ClassVar[str] = ""
    """Of the message; `onmessage` gets those without one."""

    id: int
    data: bytes

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        return cls(row["id"], dump(represent(row)))

    @property
    def event_ids(self) -> Collection[int]:
        return (self.id,)

    def without_actor(self) -> Self:
        return self

    def restrict_to(self, event_ids: Collection[int]) -> Self | None:
        return self if self.id in event_ids else None


@dataclass(frozen=True, slots=True)
class Action:
    """A row of `event_actions`: who resolved or reopened which events, when and why."""

    id: int
    name: str
    about: dict[str, Any]
    event_ids: Collection[int]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        return cls(
            row["id"],
            {"resolve": "resolved", "reopen": "reopened"}[row["action"]],
            {
                "actor": row["actor"],
                "actor_kind": row["actor_kind"],
                "face": row["face"],
                "reason": row["reason"],
                "timestamp": instant(row["timestamp"]),
                "operation": str(row["operation"]),
            },
            tuple(event_id for span in row["events"] for event_id in ids_in(span)),
        )

    @property
    def data(self) -> bytes:
        return dump({"ids": list(self.event_ids), **self.about})

    def without_actor(self) -> Self:
        """Return what those see of it who may not view actions."""
        return replace(self, about=self.about | dict.fromkeys(ACTOR_COLUMNS))

    def restrict_to(self, event_ids: Collection[int]) -> Self | None:
        """Return what it did to these events; None where it did nothing to them."""
        found = tuple(event_id for event_id in self.event_ids if event_id in event_ids)
        return replace(self, event_ids=found) if found else None


class Topic(NamedTuple):
    """One of the tables that streams follow; `name` is that of its position in a `ResumeToken`."""

    name: str
    table: str
    columns: Sequence[str]
    content: Callable[[Mapping[str, Any]], Event | Action]


EVENTS = Topic("events", "system_events", COLUMNS, Event.of)
ACTIONS = Topic(
    "actions",
    "event_actions",
    ("id", "timestamp", "action", "actor", "actor_kind", "face", "reason", "operation", "events"),
    Action.of,
)
TOPICS = (EVENTS, ACTIONS)
