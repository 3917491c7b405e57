"""From a preview to its job: a signed token carries over what was seen, and for an hour."""

import uuid
from datetime import datetime
from typing import Any

from django.core import signing

from events.models import BulkJob
from events.models.actor import Actor
from events.models.bulk_job import columns_of, step
from sovi_events.storable import storable_message

from .preview import Preview

SALT = "events.bulk"
MAX_AGE_SECONDS = 3600


class InvalidToken(ValueError):
    """A token that confirms nothing; the message says why."""


def token_of(preview: Preview, *, user_id: Any) -> str:
    """Return what confirms this preview, within an hour and by this user only."""
    seen = {
        **_seen(preview),
        "user": str(user_id),
        "operation": str(preview.operation),
        "previewed_at": preview.moment.isoformat(),
    }
    return signing.dumps(seen, salt=SALT, compress=True)


def confirm(token: str, action: str, *, user_id: Any, by: Actor, reason: str | None) -> BulkJob:
    """Make the job of a preview, or return the one that was made when it was confirmed before.

    Raises `InvalidToken`.
    """
    try:
        seen = signing.loads(token, salt=SALT, max_age=MAX_AGE_SECONDS)
    except signing.SignatureExpired:
        raise InvalidToken("This preview is older than an hour: make a new one.") from None
    except signing.BadSignature:
        raise InvalidToken("This is no token of a preview.") from None
    if seen.pop("user") != str(user_id):
        raise InvalidToken("This token is of a preview that another user made.")
    if seen["action"] != action:
        raise InvalidToken(f"This token is of a preview to {seen['action']}, not to {action}.")
    operation = uuid.UUID(seen.pop("operation"))
    seen["previewed_at"] = datetime.fromisoformat(seen["previewed_at"])
    return _make_once(operation, seen, by, reason)


def start(preview: Preview, *, by: Actor, reason: str | None) -> BulkJob:
    """Make the job of a preview that is confirmed on the spot."""
    return _make_once(preview.operation, _seen(preview), by, reason)


def _seen(preview: Preview) -> dict[str, Any]:
    """The columns of the job that the preview decides."""
    return {
        "action": preview.action,
        "filters": preview.filters,
        "first_id": preview.first_id,
        "last_id": preview.last_id,
        "action_id": preview.action_id,
        "numbering": preview.numbering,
        "previewed_at": preview.moment,
        "expected": preview.extent.rows,
        "expected_is_exact": preview.extent.exact,
    }


def _make_once(
    operation: uuid.UUID, seen: dict[str, Any], by: Actor, reason: str | None
) -> BulkJob:
    columns = {
        **seen,
        **columns_of(by),
        "reason": None if reason is None else storable_message(reason),
        "steps": [step("confirmed", by)],
        "cursor": seen["first_id"] - 1,  # it stands before the first event
    }
    job, _ = BulkJob.objects.get_or_create(operation=operation, defaults=columns)
    return job
