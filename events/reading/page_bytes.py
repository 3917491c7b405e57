"""A page bounded by bytes: PostgreSQL measures it, so that what is too much never leaves it."""

from sovi_events.statements import COLUMNS

FOUND = "found"
"""The column, in each row, of how many rows the page would have had."""

_BOUNDED = f"""
SELECT {", ".join(COLUMNS)}, {FOUND} FROM (
    SELECT *, count(*) OVER () AS {FOUND},
        sum(octet_length(message) + octet_length(coalesce(context, '{{{{}}}}')::text))
            OVER (ORDER BY id {{order}} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM ({{statement}}) AS page
) AS measured
WHERE before IS NULL OR before < {{most_bytes}} ORDER BY id {{order}}
"""  # noqa: S608 - a caller's SQL


def bounded(statement: str, most_bytes: int, *, ascending: bool) -> str:
    """Return the statement of a page of events so that it ends with the row that fills the bytes.

    It reads the columns of an event, and `found`.
    """
    order = "ASC" if ascending else "DESC"
    return _BOUNDED.format(statement=statement, most_bytes=most_bytes, order=order)
