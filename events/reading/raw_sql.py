"""Rows of a statement that Django's ORM has no words for."""

from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections


def read_rows(
    statement: str,
    params: Sequence[Any] | dict[str, Any] | None = None,
    *,
    using: str = DEFAULT_DB_ALIAS,
) -> list[tuple[Any, ...]]:
    """Run it, with psycopg's `%s` or `%(name)s` if there are parameters; return all its rows."""
    with connections[using].cursor() as cursor:
        cursor.execute(statement, params)
        return list(cursor.fetchall())
