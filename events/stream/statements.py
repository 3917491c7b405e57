"""The stream's SQL, besides what it shares with the producers' library."""

from sovi.events.statements import COLUMNS, NEWEST_ID

_COLUMNS = ", ".join(COLUMNS)

# Who may yet commit ids below those seen (see `sovi.events.settled`). `pg_partition_tree` answers
# nothing at all for a table that has no partitions, so the table itself is named besides.
HOLDERS = """
SELECT DISTINCT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
  AND relation IN (SELECT 'system_events'::regclass
                   UNION SELECT relid FROM pg_partition_tree('system_events'))
"""

# `READ_NEW` of the library with both halves bounded: a batch of a million rows that was open while
# others committed is one gap, and must not arrive in one piece.
FOLLOW = f"""
(SELECT {_COLUMNS} FROM system_events
 WHERE id > %(high)s AND id <= ({NEWEST_ID})
 ORDER BY id LIMIT %(limit)s)
UNION ALL
(SELECT {", ".join(f"late.{column}" for column in COLUMNS)}
 FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS gap (first, last)
 JOIN system_events AS late ON late.id BETWEEN gap.first AND gap.last
 ORDER BY late.id LIMIT %(limit)s)
"""  # noqa: S608 - made of constants alone

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
SELECT {_COLUMNS} FROM system_events WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id
"""  # noqa: S608

# The last id given out, whether or not its row is (still) there; without a sequence, any may be.
LAST_ID = """
SELECT CASE WHEN sequence.name IS NULL THEN 9223372036854775807
            ELSE coalesce(pg_sequence_last_value(sequence.name::regclass), 0) END
FROM (SELECT pg_get_serial_sequence('system_events', 'id') AS name) AS sequence
"""
