"""Where a stream stands: how far it has read each of the tables that streams follow."""

from typing import NamedTuple, Self

from sovi_events.following.position import Position

from . import position_sets
from .topics import Topic


class ResumeToken(NamedTuple):
    """As text, the resume token: the positions in events and in actions, as `120~7-9~15.44`."""

    events: Position
    actions: Position

    def __str__(self) -> str:
        return f"{self.events}.{self.actions}"

    def of(self, topic: Topic) -> Position:
        position: Position = getattr(self, topic.name)
        return position

    def moved(self, topic: Topic, position: Position) -> Self:
        """Return the place with another position in one of the tables."""
        return self._replace(**{topic.name: position})

    def union(self, other: "ResumeToken") -> "ResumeToken":
        """Return where a reader stands that has read what either has."""
        return ResumeToken(*map(position_sets.union, self, other))


NOWHERE = ResumeToken(Position(0), Position(0))


def parse(token: str, now: ResumeToken) -> ResumeToken:
    """Return the place that a token names; a plain event id leaves actions at `now`.

    Raises ValueError.
    """
    events, dot, actions = token.partition(".")
    return ResumeToken(Position.parse(events), Position.parse(actions) if dot else now.actions)
