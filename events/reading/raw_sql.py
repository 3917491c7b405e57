"""Rows of a statement that Django's ORM has no words for."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections


def read_rows(
    statement: str,
    params: Sequence[Any] | dict[str, Any] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
    keep_plan: bool = False,
) -> list[tuple[Any, ...]]:
    """Run it, with psycopg's `%s` or `%(name)s` if there are parameters; return all its rows.

    With `keep_plan` PostgreSQL plans it once for each connection of the pool: where planning takes
    longer than running, and one plan serves all parameters.
    """
    connection: Any = connections[using]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        if keep_plan and connection.pool:
            # Django's own cursors write parameters into the text, which is then never the same.
            keeping = psycopg.Cursor(connection.connection)
            # Refused where a column has another type since: this session's plan is of no use then.
            with suppress(psycopg.errors.FeatureNotSupported):
                return keeping.execute(statement.encode(), params).fetchall()
        cursor.execute(statement, params)
        return list(cursor.fetchall())


def read_plan(
    statement: str,
    params: Sequence[Any] | dict[str, Any] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
) -> dict[str, Any]:
    """Return how PostgreSQL would run it: the outermost node, as EXPLAIN says it in JSON."""
    [(plan,)] = read_rows(f"EXPLAIN (FORMAT JSON) {statement}", params, using=using)
    [found] = json.loads(plan) if isinstance(plan, str) else plan
    return found["Plan"]  # type: ignore[no-any-return]
