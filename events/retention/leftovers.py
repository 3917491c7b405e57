"""What is left over of events, requests and people: deleted at the same time as old events.

Batch by batch, each a transaction of its own.
"""

import time
from datetime import datetime
from typing import Any

from django.db import connection

from events.reading.raw_sql import read_rows
from sovi_events.statements import PRUNE_RECEIPTS
from sovi_events.writing.batch import new_receipt
from sovi_events.writing.insert import RECEIPT_SECONDS

from .policy import Policy

BATCH_ROWS = 1000

# A failure counts for an hour; who has signed in from where is known as long as they come back.
_SIGN_INS = """
blocked_until < now() - CASE WHEN is_known THEN interval '90 days' ELSE interval '1 hour' END
"""
_ALWAYS = {"django_session": "expire_date < now()", "event_sign_ins": _SIGN_INS}
_BY_AGE = {"event_bulk_jobs": "finished_at < %(before)s"}

_DELETE = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {due} LIMIT %(rows)s))
"""
_COUNT = "SELECT count(*) FROM {table} WHERE {due}"

# An action goes with the last of its events, by the primary key, range by range.
_DELETE_ACTIONS = """
WITH old AS MATERIALIZED (
    SELECT id FROM event_actions WHERE id > %(after)s AND timestamp < %(before)s
    ORDER BY id LIMIT %(rows)s
), gone AS (
    DELETE FROM event_actions AS action USING old WHERE action.id = old.id AND NOT EXISTS (
        SELECT FROM unnest(action.events) AS span, LATERAL (
            SELECT FROM system_events
            WHERE id BETWEEN lower(span) AND coalesce(upper(span) - 1, 9223372036854775807)
            LIMIT 1
        ) AS event
    )
)
SELECT max(id) FROM old
"""


def prune_leftovers(policy: Policy, now: datetime) -> None:
    """Delete expired sessions, spent receipts and forgotten sign-ins.

    And where the policy has ages, actions older than the longest that no event is left of; jobs
    only where every event has an age, or those of what is kept for ever would go.
    """
    due, params = _due(policy, now)
    for table, condition in due.items():
        _delete_all(_DELETE.format(table=table, due=condition), params)
    receipts = {
        "oldest": new_receipt(time.time() - RECEIPT_SECONDS),
        "seconds": RECEIPT_SECONDS,
        "limit": BATCH_ROWS,
    }
    _delete_all(PRUNE_RECEIPTS, receipts)
    if policy.ages:
        _delete_actions({**params, "before": now - max(policy.ages.values())})


def count_leftovers(policy: Policy, now: datetime) -> dict[str, int]:
    """Return how many rows would go of which table, receipts and actions aside."""
    due, params = _due(policy, now)
    counted = {
        table: read_rows(_COUNT.format(table=table, due=condition), params)[0][0]
        for table, condition in due.items()
    }
    return {table: rows for table, rows in counted.items() if rows}


def _due(policy: Policy, now: datetime) -> tuple[dict[str, str], dict[str, Any]]:
    params: dict[str, Any] = {"rows": BATCH_ROWS}
    longest = policy.longest()
    if longest is None:
        return _ALWAYS, params
    return _ALWAYS | _BY_AGE, {**params, "before": now - longest}


def _delete_all(statement: str, params: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        deleted = BATCH_ROWS
        while deleted == BATCH_ROWS:
            cursor.execute(statement, params)
            deleted = cursor.rowcount


def _delete_actions(params: dict[str, Any]) -> None:
    after: int | None = 0
    while after is not None:
        [(after,)] = read_rows(_DELETE_ACTIONS, {**params, "after": after})
