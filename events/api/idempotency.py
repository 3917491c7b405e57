"""`Idempotency-Key`: who sends the same again under the same key gets the first answer again."""

import hashlib
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.db import connection, transaction
from django.db.models.functions import Now
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request

from events.models import ApiToken, EventReceipt
from events.models.multirange import ids_in

from .body import TooDeep

HEADER = "Idempotency-Key"
MAX_CHARACTERS = 255
LIFETIME = timedelta(hours=24)
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_CHARACTERS, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Makes it safe to send again when no answer came: the same body under the same key is "
        "stored once, and answered with the same ids, for 24 hours. A key is its token's own, or "
        "its user's where there is no token."
    ),
)

_KEY = re.compile(rf"[ -~]{{1,{MAX_CHARACTERS}}}")
_NAMESPACE = uuid.UUID("6f0b7e1c-2f7a-4c57-9f43-6a3d5b0c8e21")

# Two requests under one key: the second waits here for the first to commit, and writes nothing.
# A receipt that has had its time makes place.
KEEP = """
INSERT INTO event_receipts AS kept (id, event_ids, request_digest)
SELECT %(receipt)s, range_agg(int8range(id, nullif(id, 9223372036854775807) + 1)), %(digest)s
FROM unnest(%(ids)s::bigint[]) AS stored (id)
ON CONFLICT (id) DO UPDATE
    SET created_at = excluded.created_at, event_ids = excluded.event_ids,
        request_digest = excluded.request_digest
    WHERE kept.created_at <= statement_timestamp() - %(lifetime)s
RETURNING id
"""


class KeyReused(APIException):
    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = f"Something else was sent under this {HEADER} in the last 24 hours."


@dataclass(frozen=True)
class IdempotencyKey:
    """A request's key. `receipt` is the id of its row, of this key and who sends it."""

    receipt: uuid.UUID

    @classmethod
    def of(cls, request: Request) -> Self | None:
        """Return the request's key, None without the header. Raises `ValidationError`."""
        text = request.headers.get(HEADER)
        if text is None:
            return None
        if not _KEY.fullmatch(text) or text.isspace():
            raise ValidationError(
                {HEADER: [f"This must be 1 to {MAX_CHARACTERS} printable ASCII characters."]}
            )
        is_token = isinstance(request.auth, ApiToken)
        sender = f"token {request.auth.pk}" if is_token else f"user {request.user.pk}"
        return cls(uuid.uuid5(_NAMESPACE, f"{sender} {text}"))

    def once(self, sent: Any, store: Callable[[], list[int]]) -> list[int]:
        """Run `store`, unless `sent` was stored under this key before; return the events' ids.

        The receipt commits with what `store` writes. Raises `KeyReused`.
        """
        digest = _digest(sent)
        while (ids := self._stored(digest)) is None:
            with transaction.atomic():
                ids = store()
                if self._keep(ids, digest):
                    return ids
                transaction.set_rollback(True)  # another request was first: its answer is ours
        return ids

    def _stored(self, digest: bytes) -> list[int] | None:
        alive = EventReceipt.objects.filter(pk=self.receipt, created_at__gt=Now() - LIFETIME)
        found = alive.values_list("event_ids", "request_digest").first()
        if found is None:
            return None
        spans, digest_before = found
        if digest_before is None or bytes(digest_before) != digest:
            raise KeyReused
        # The sequence gave the ids out in the order of the events, so ascending is that order.
        return [event_id for span in spans for event_id in ids_in(span)]

    def _keep(self, ids: list[int], digest: bytes) -> bool:
        receipt: dict[str, Any] = {"receipt": self.receipt, "ids": ids, "digest": digest}
        with connection.cursor() as cursor:
            cursor.execute(KEEP, receipt | {"lifetime": LIFETIME})
            return bool(cursor.fetchall())


def _digest(sent: Any) -> bytes:
    """Digest what is meant: neither spaces nor the order of an object's names count."""
    try:
        return hashlib.sha256(json.dumps(sent, sort_keys=True).encode()).digest()
    except RecursionError:  # versions of Python differ in whether they read or write the deeper
        raise TooDeep from None
