"""The stream's SQL, besides what it shares with the producers' library."""

from sovi.events.statements import COLUMNS

# The next ids of a client's catch-up; the limit inside keeps a range of millions cheap.
PAGE = """
SELECT page.id
FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS lacking (first, last)
CROSS JOIN LATERAL (SELECT id FROM system_events
                    WHERE id BETWEEN lacking.first AND lacking.last
                    ORDER BY id LIMIT %(limit)s) AS page
ORDER BY page.id LIMIT %(limit)s
"""

ROWS = f"""
SELECT {", ".join(COLUMNS)} FROM system_events WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id
"""  # noqa: S608
