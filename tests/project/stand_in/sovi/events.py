"""Events as they were: a row a call, on a connection of its own."""

import json
import logging

import psycopg
from psycopg.rows import dict_row

from sovi.config import DATABASE_URL

logger = logging.getLogger(__name__)


def emit(
    category,
    severity,
    event_type,
    message,
    device_id=None,
    account_id=None,
    context=None,
):
    logger.info("[event] %s/%s: %s", category, event_type, message)
    with psycopg.connect(DATABASE_URL) as connection:
        return connection.execute(
            "INSERT INTO system_events"
            " (category, severity, event_type, message, device_id, account_id, context)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
            [
                *(category, severity, event_type, message),
                *(device_id or None, account_id or None, json.dumps(context or {})),
            ],
        ).fetchone()[0]


def get_unresolved(severity=None, category=None, limit=50):
    with psycopg.connect(DATABASE_URL, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT * FROM system_events WHERE resolved IS NOT TRUE"
            " AND (%(severity)s::text IS NULL OR severity = %(severity)s)"
            " AND (%(category)s::text IS NULL OR category = %(category)s)"
            " ORDER BY id DESC LIMIT %(limit)s",
            {"severity": severity or None, "category": category or None, "limit": limit},
        ).fetchall()


def resolve(event_id, resolved_by="auto"):
    with psycopg.connect(DATABASE_URL) as connection:
        connection.execute(
            "UPDATE system_events SET resolved = true, resolved_by = %s, resolved_at = now()"
            " WHERE id = %s",
            [resolved_by, event_id],
        )
    return True
