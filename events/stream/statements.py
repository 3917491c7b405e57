"""The stream's SQL besides what all share who follow the table (`sovi_events.statements`).

`wanted` is a query of ids. Parameters are psycopg's `%s`, as Django
writes them.
"""

from collections.abc import Sequence

from sovi_events.statements import highest_id

from .topics import TOPICS


def page(wanted: str) -> str:
    """The next ids in some ranges; the limit inside keeps a range of millions cheap.

    Parameters: the ranges' firsts and lasts, those of `wanted`, the limit twice.
    """
    return f"""
SELECT page.id
FROM unnest(%s::bigint[], %s::bigint[]) AS lacking (first, last)
CROSS JOIN LATERAL (SELECT id FROM ({wanted}) AS wanted (id)
                    WHERE id BETWEEN lacking.first AND lacking.last
                    ORDER BY id LIMIT %s) AS page
ORDER BY page.id LIMIT %s
"""  # noqa: S608 - made of constants, and of Django's SQL


def rows(table: str, columns: Sequence[str]) -> str:
    """Whole rows by their ids, ascending."""
    return f"""
SELECT {", ".join(columns)} FROM {table} WHERE id = ANY(%s::bigint[]) ORDER BY id
"""  # noqa: S608


def oldest_of(newest: str) -> str:
    """The lowest of the newest ids, of which `newest` is a query."""
    return f"SELECT min(id) FROM ({newest}) AS newest (id)"  # noqa: S608


LAST_IDS = f"SELECT {', '.join(f'({highest_id(topic.table)})' for topic in TOPICS)}"  # noqa: S608
