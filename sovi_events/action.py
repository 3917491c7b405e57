"""A resolve or reopen: who does it, through which face, and why; checked."""

import socket
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import catalog
from .errors import InvalidEvent
from .following.position import MAX_ID, MIN_ID
from .record import one_of
from .storable import shown, storable_message


def parameters(
    ids: Sequence[int] | str,
    *,
    actor: str,
    actor_kind: str,
    face: str,
    reason: str | None,
    operation: uuid.UUID,
) -> dict[str, Any]:
    """Parameters of `statements.RESOLVE` and `REOPEN`.

    `ids` may be text, as PostgreSQL writes an array. `actor` is a name, `actor_kind` one of
    `catalog.RESOLVERS`; the chunks of a bulk action share their `operation`.
    """
    return {
        "ids": ids if isinstance(ids, str) else list(ids),
        "actor": storable_message(actor),
        "actor_kind": actor_kind,
        "face": face,
        "reason": None if reason is None else storable_message(reason),
        "operation": operation,
    }


def library_parameters(
    event_id: object, kind_argument: str, kind: object, actor: object, reason: object
) -> dict[str, Any]:
    """Check the arguments of the library's calls; raises `InvalidEvent`."""
    if not isinstance(event_id, int) or isinstance(event_id, bool):
        raise InvalidEvent(f"event_id must be a whole number, not {shown(event_id)}")
    for argument, value in (("actor", actor), ("reason", reason)):
        if value is not None and not isinstance(value, str):
            raise InvalidEvent(f"{argument} must be text or None, not {shown(value)}")
    return parameters(
        # Beyond bigint there is no such event, and nothing to ask.
        [event_id] if MIN_ID <= event_id <= MAX_ID else [],
        actor=str(actor or _this_program()),
        actor_kind=one_of(kind_argument, kind, catalog.RESOLVERS),
        face="library",
        reason=None if reason is None else str(reason),
        operation=uuid.uuid4(),
    )


def _this_program() -> str:
    return f"{Path(sys.argv[0] or 'python').name}@{socket.gethostname()}"
