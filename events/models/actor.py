"""Who acts, and through which face: the channel that a call came by."""

from dataclasses import dataclass

from sovi_events import catalog


@dataclass(frozen=True)
class Actor:
    """Who acts on events, and through which face; credentials decide, not the request's body.

    `user_id` is None of who has no user here: a program, or a person with a shell.
    """

    name: str
    kind: catalog.Resolver
    face: str
    user_id: int | None = None
