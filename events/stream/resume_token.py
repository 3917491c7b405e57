"""Where a stream stands: how far it has read each of the tables that streams follow."""

from typing import Any, NamedTuple, Self

from sovi_events.following.position import Position

from . import position_sets
from .topics import Topic


class ResumeToken(NamedTuple):
    """As text, the resume token: the positions in events and in actions, as `120~7-9~15.44`.

    A third part says which numbering of the events it is of, where that is known.
    """

    events: Position
    actions: Position
    numbering: int = 0

    def __str__(self) -> str:
        numbering = f".{self.numbering}" if self.numbering else ""
        return f"{self.events}.{self.actions}{numbering}"

    @property
    def positions(self) -> tuple[Position, Position]:
        return self.events, self.actions

    def of(self, topic: Topic) -> Position:
        position: Position = getattr(self, topic.name)
        return position

    def moved(self, topic: Topic, position: Position) -> Self:
        """Return the place with another position in one of the tables."""
        changed: Any = {topic.name: position}
        return self._replace(**changed)

    def union(self, other: "ResumeToken") -> "ResumeToken":
        """Return where a reader stands that has read what either has."""
        events, actions = map(position_sets.union, self.positions, other.positions)
        return ResumeToken(events, actions, self.numbering)


NOWHERE = ResumeToken(Position(0), Position(0))


def parse(token: str, now: ResumeToken) -> ResumeToken:
    """Return the place that a token names; a plain event id leaves actions at `now`.

    Raises ValueError, also where the ids were given out anew since.
    """
    events, dot, rest = token.partition(".")
    actions, _, numbering = rest.partition(".")
    place = now._replace(events=Position.parse(events))
    if dot:
        place = place._replace(actions=Position.parse(actions))
    if numbering not in ("", str(now.numbering)):
        raise ValueError("the ids of the events were given out anew since")
    return place
