"""Resolving and reopening many events: by ids, or by filters, previewed and confirmed."""

import uuid

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema

from events.bulk.confirmation import MAX_AGE_SECONDS
from events.models import SystemEvent
from events.models.actor import Actor
from events.models.event import CHUNK_ROWS
from events.reading.time_limit import statement_limit

from .body_sizes import BULK_BYTES
from .bulk_serializers import (
    MAX_IDS,
    BulkActionSerializer,
    ChangedSerializer,
    JobSerializer,
    PreviewSerializer,
)

REPEAT = "Send the same ids again: what was done already is not done twice."

bulk_schema = extend_schema(
    description=f"""With `ids`, at once: up to {MAX_IDS} events; answers those that it changed. With
`filters`, the list's, nothing is changed: answers a preview and its `token`. With `token`, within
{MAX_AGE_SECONDS // 60} minutes and by the same user: answers 202 and the job that does what the
preview showed; `Location` is where to follow it. What arrives later, and what anyone has acted on
since, it leaves alone. The same token again answers the same job. The body may have {BULK_BYTES}
bytes.""",
    request=BulkActionSerializer,
    responses={
        200: PolymorphicProxySerializer("BulkAnswer", [ChangedSerializer, PreviewSerializer], None),
        202: JobSerializer,
    },
)


def act_on(action: str, ids: list[int], *, by: Actor, reason: str | None) -> list[int]:
    """Resolve or reopen these events in chunks, each committed; return those changed, ascending.

    Raises `TookTooLong`; what was changed before stays so.
    """
    operation = uuid.uuid4()
    changed: list[int] = []
    for start in range(0, len(ids), CHUNK_ROWS):
        chunk = ids[start : start + CHUNK_ROWS]
        with statement_limit(advice=REPEAT):
            changed += SystemEvent.objects.act(
                action, chunk, by=by, reason=reason, operation=operation
            )
    return sorted(changed)
