"""Where a stream stands: how far it has read each of the tables that streams follow."""

from typing import NamedTuple, Self

from sovi_events.following.position import Position

from . import positions
from .contents import Feed


class Place(NamedTuple):
    """As text, the resume token: the positions in events and in actions, as `120~7-9~15.44`."""

    events: Position
    actions: Position

    def __str__(self) -> str:
        return f"{self.events}.{self.actions}"

    def of(self, feed: Feed) -> Position:
        position: Position = getattr(self, feed.name)
        return position

    def moved(self, feed: Feed, position: Position) -> Self:
        """Return the place with another position in one of the tables."""
        return self._replace(**{feed.name: position})

    def united(self, other: "Place") -> "Place":
        """Return where a reader stands that has read what either has."""
        return Place(*map(positions.united, self, other))


NOWHERE = Place(Position(0), Position(0))


def parse(token: str, now: Place) -> Place:
    """Return the place that a token names; a plain event id leaves actions at `now`.

    Raises ValueError.
    """
    events, dot, actions = token.partition(".")
    return Place(Position.parse(events), Position.parse(actions) if dot else now.actions)
