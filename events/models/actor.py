"""Who acts, and through which face: the channel that a call came by."""

from dataclasses import dataclass

from sovi_events import catalog


@dataclass(frozen=True)
class Actor:
    """Who acts on events, and through which face; credentials decide, not the request's body."""

    name: str
    kind: catalog.Resolver
    face: str
