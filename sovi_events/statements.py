"""SQL that the library runs, and some of it the REST API and the admin; named by its purpose.

Parameters are psycopg's `%(name)s`: the operators' application runs the same text by Django's
cursor. What one module alone asks stands in that module.
"""

from collections.abc import Sequence

COLUMNS = (
    "id",
    "timestamp",
    "category",
    "severity",
    "event_type",
    "device_id",
    "account_id",
    "message",
    "context",
    "resolved",
    "resolved_by",
    "resolved_at",
)
"""The specification's columns, in its order: the keys of every event shown."""

# The rows are numbered and sorted so that the sequence gives the ids out in the caller's order.
INSERT_MANY = """
INSERT INTO system_events
    (category, severity, event_type, device_id, account_id, message, context)
SELECT category, severity, event_type, devices.id, accounts.id, message,
       context::jsonb
       || CASE WHEN given.device_id IS NOT NULL AND devices.id IS NULL
               THEN jsonb_build_object('unknown_device_id', given.device_id) ELSE '{}' END
       || CASE WHEN given.account_id IS NOT NULL AND accounts.id IS NULL
               THEN jsonb_build_object('unknown_account_id', given.account_id) ELSE '{}' END
FROM unnest(%(category)s::text[], %(severity)s::text[], %(event_type)s::text[],
            %(device_id)s::uuid[], %(account_id)s::uuid[], %(message)s::text[],
            %(context)s::text[])
     WITH ORDINALITY
     AS given (category, severity, event_type, device_id, account_id, message, context, position)
LEFT JOIN devices ON devices.id = given.device_id
LEFT JOIN accounts ON accounts.id = given.account_id
ORDER BY position
RETURNING id, pg_notify('system_events', '')
"""

# -- Storing, once (see `writing.insert`) ---------------------------------------------------------

# Each answers the ids as PostgreSQL writes a multirange: they are few ranges, and ascending.
# The receipt comes last: of two attempts at one batch, the second to get there finds the first's,
# and is undone whole. NOTIFY is for followers, who wait between their reads.
STORE_ONE = """
WITH stored AS (
    INSERT INTO system_events
        (category, severity, event_type, message, device_id, account_id, context)
    VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)
    RETURNING id
)
INSERT INTO event_receipts (id, event_ids)
SELECT %s, int8multirange(int8range(id, id + 1)) FROM (SELECT) AS always LEFT JOIN stored ON TRUE
RETURNING event_ids::text, CASE WHEN %s THEN pg_notify('system_events', '') END
"""

# Sorted, so that the sequence gives the ids out in the order of the events. The division refuses
# them where a trigger skipped one: which id belongs to which is not known then, but one by one.
STORE_MANY = """
WITH given AS (
    SELECT * FROM unnest(
        %(category)s::text[], %(severity)s::text[], %(event_type)s::text[], %(message)s::text[],
        %(device_id)s::uuid[], %(account_id)s::uuid[], %(context)s::text[],
        %(time)s::timestamptz[], %(receipt)s::uuid[]
    ) WITH ORDINALITY AS one (category, severity, event_type, message, device_id, account_id,
                              context, time, receipt, position)
), stored AS (
    INSERT INTO system_events
        (category, severity, event_type, message, device_id, account_id, context, timestamp)
    SELECT category, severity, event_type, message, device_id, account_id, context::jsonb,
           coalesce(time, now())
    FROM given ORDER BY position
    RETURNING id
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) AS position FROM stored
), received AS (
    INSERT INTO event_receipts (id, event_ids)
    SELECT receipt, range_agg(int8range(id, id + 1))
    FROM given JOIN numbered USING (position) GROUP BY receipt
    RETURNING CASE WHEN %(notify)s THEN pg_notify('system_events', '') END
)
SELECT range_agg(int8range(id, id + 1))::text,
       1 / (CASE WHEN count(*) = (SELECT count(*) FROM given) THEN 1 ELSE 0 END)
FROM stored
"""

# The insert of nothing takes the lock that settled reading asks for before the ids are drawn. What
# follows in the transaction may take that long.
DRAW_IDS = """
WITH locked AS (
    INSERT INTO system_events (category, severity, event_type, message)
    SELECT '', '', '', '' WHERE false
)
SELECT range_agg(int8range(id, id + 1))::text
FROM (SELECT nextval(pg_get_serial_sequence('system_events', 'id')) AS id
      FROM set_config('statement_timeout', %s, true), generate_series(1, %s)) AS drawn
"""


def copy(*, with_times: bool) -> str:
    """Store rows whose ids were drawn before."""
    return f"""
COPY system_events (id, category, severity, event_type, message, device_id, account_id, context
                    {", timestamp" if with_times else ""}) FROM STDIN
"""


STORE_RECEIPT = """
INSERT INTO event_receipts (id, event_ids) VALUES (%s, %s::int8multirange)
RETURNING CASE WHEN %s THEN pg_notify('system_events', '') END
"""

SKIPPED_IDS = 1_000_000
"""How many ids are passed at once where rows have them already: in less than a second."""


def draw_taken_ids(table: str) -> str:
    """Where rows have the ids that the sequence gives next, draw those up to the last of them.

    So a table whose sequence was left behind by a restore takes rows again.
    """
    return f"""
SELECT count(nextval(name::regclass))
FROM (SELECT name, pg_sequence_last_value(name::regclass) AS last
      FROM pg_get_serial_sequence('{table}', 'id') AS name) AS sequence
CROSS JOIN LATERAL (
    SELECT id - last AS ids
    FROM (SELECT id, lead(id) OVER (ORDER BY id) AS next FROM {table}
          WHERE id >= last AND id <= last + {SKIPPED_IDS}) AS taken
    WHERE next IS DISTINCT FROM id + 1 ORDER BY id LIMIT 1
) AS run
CROSS JOIN LATERAL generate_series(1, run.ids)
"""


ACTIONS_KEY = "event_actions_pkey"

SELECT_RECEIPT = "SELECT event_ids::text FROM event_receipts WHERE id = %s"

SELECT_RECEIPTS = "SELECT 1 FROM event_receipts WHERE id = ANY(%s) LIMIT 1"

SELECT_SUBJECTS = """
SELECT 'device', id FROM devices WHERE id = ANY(%s::uuid[])
UNION ALL
SELECT 'account', id FROM accounts WHERE id = ANY(%s::uuid[])
"""

# `oldest` is a receipt made that long ago; those of requests are in no order.
PRUNE_RECEIPTS = """
DELETE FROM event_receipts WHERE id IN (
    SELECT id FROM event_receipts
    WHERE (id < %(oldest)s OR request_digest IS NOT NULL)
      AND created_at < now() - make_interval(secs => %(seconds)s)
    LIMIT %(limit)s
)
"""

# -- Acting ---------------------------------------------------------------------------------------

# One statement, so that the change and its record commit together; ranges of ids keep it small.
_ACT = """
WITH changed AS (
    UPDATE system_events SET {change}
    WHERE id = ANY(%(ids)s::bigint[]) AND {condition}
    RETURNING id
), recorded AS (
    INSERT INTO event_actions
        (timestamp, action, actor, actor_kind, face, reason, operation, events)
    SELECT now(), %(action)s, %(actor)s, %(actor_kind)s, %(face)s, %(reason)s, %(operation)s,
           range_agg(int8range(id, nullif(id, 9223372036854775807) + 1))
    FROM changed
    HAVING count(*) > 0
"""
# A producer's role may write what was done, and not read it.
_CHANGED_IDS = ") SELECT id FROM changed"
_CHANGED_COUNT = "RETURNING id) SELECT (SELECT count(*) FROM changed), id FROM recorded"

_RESOLVE = _ACT.format(
    change="resolved = true, resolved_by = %(actor_kind)s, resolved_at = now()",
    condition="resolved IS NOT TRUE",
).replace("%(action)s", "'resolve'")
_REOPEN = _ACT.format(
    change="resolved = false, resolved_by = NULL, resolved_at = NULL",
    condition="resolved IS TRUE",
).replace("%(action)s", "'reopen'")

RESOLVE = _RESOLVE + _CHANGED_IDS
"""Resolve those of `ids` that are not yet, record who did; answer the ids changed."""

REOPEN = _REOPEN + _CHANGED_IDS
"""Reopen those of `ids` that are resolved, record who did; answer the ids changed."""

RESOLVE_MANY, REOPEN_MANY = _RESOLVE + _CHANGED_COUNT, _REOPEN + _CHANGED_COUNT
"""The same, which answer how many changed and the id of the record; nothing where none did."""

SELECT_IDS = "SELECT id FROM system_events WHERE id = ANY(%(ids)s::bigint[])"

# -- Settled reading (see `settled`) --------------------------------------------------------------


def last_id(table: str) -> str:
    """The last id given out, whether or not its row is (still) there; without a sequence, any."""
    return f"""
SELECT CASE WHEN sequence.name IS NULL THEN 9223372036854775807
            ELSE coalesce(pg_sequence_last_value(sequence.name::regclass), 0) END
FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS name) AS sequence
"""


def numbering(table: str) -> str:
    """A number that changes when ids are given out anew: by TRUNCATE, or in another table of this
    name. Of the files of the table and its sequence; what rewrites one, as VACUUM FULL, changes it.
    """
    return f"""
SELECT coalesce(pg_relation_filenode(pg_get_serial_sequence('{table}', 'id'))::bigint << 31, 0)
       # coalesce(pg_relation_filenode('{table}')::bigint, 0)
"""


def _end_of_run(table: str, rows: str) -> str:
    """The last row of an unbroken run above `start`: between them there is no id to be given out.

    Of so many rows at most.
    """
    return f"""
SELECT coalesce(max(id), start)
FROM (SELECT id, row_number() OVER (ORDER BY id) AS number
      FROM {table} WHERE id > start ORDER BY id LIMIT {rows}) AS above
WHERE id - number = start
"""


STRIDE = 1000


def newest_id(table: str) -> str:
    """The highest id to be seen below which the sequence gives out none any more.

    Rows above the sequence have ids given by hand, or it was not moved when they were restored: it
    will still pass below them. Only those count that follow the last id given out without a break,
    and of those a million: in strides, so that an index serves it and it ends at the first break.
    """
    return f"""
SELECT CASE WHEN newest <= given THEN newest ELSE (
    WITH RECURSIVE run (id) AS (
        SELECT given
        UNION ALL
        SELECT ahead.id
        FROM run CROSS JOIN LATERAL (SELECT id FROM {table} WHERE id > run.id
                                     ORDER BY id LIMIT 1 OFFSET {STRIDE - 1}) AS ahead
        WHERE ahead.id - run.id = {STRIDE} AND run.id - given < {SKIPPED_IDS}
    )
    SELECT ({_end_of_run(table, str(STRIDE))}) FROM (SELECT max(id) AS start FROM run) AS strides
) END
FROM (SELECT (SELECT greatest(max(id), 0) FROM {table}) AS newest, ({last_id(table)}) AS given)
     AS seen
"""


# And the highest there is, and which numbering they are of.
NEWEST_ID = f"""
SELECT ({newest_id("system_events")}) AS newest,
       (SELECT greatest(max(id), 0) FROM system_events) AS highest,
       ({numbering("system_events")}) AS numbering
"""

# INSERT and COPY lock the table before they draw an id, and let go once their rows are visible.
# A partition written directly is locked itself, its parent is not; other databases don't matter.
# A reader's own transaction sees what it wrote. A table without partitions has no partition tree.
# Who writes `event_actions` writes the events too; one set of holders serves both.
LOCK_HOLDERS = """
SELECT DISTINCT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND pid IS DISTINCT FROM pg_backend_pid()
  AND relation IN (SELECT 'system_events'::regclass
                   UNION SELECT relid FROM pg_partition_tree('system_events')
                   UNION SELECT to_regclass('event_actions'))
"""


def highest_id(table: str) -> str:
    """The highest id that is settled or may become so when a writer ends."""
    return f"SELECT greatest(({last_id(table)}), ({newest_id(table)}))"


def read_above(table: str, columns: Sequence[str]) -> str:
    """What a follower has not read above its high id: the next `limit` rows, ascending."""
    start = f"SELECT greatest(({last_id(table)}), %(high)s) AS start"
    return f"""
SELECT {", ".join(columns)}, ({numbering(table)}) AS numbering FROM {table}
WHERE id > %(high)s AND id <= (
    SELECT ({_end_of_run(table, "%(limit)s")}) FROM ({start}) AS seen
)
ORDER BY id LIMIT %(limit)s
"""


def read_late(table: str, columns: Sequence[str]) -> str:
    """What has appeared in the gaps that a follower left open below its high id.

    Bounded by `limit` too, inside each gap as well: a batch of a million rows that was open while
    others committed is one gap, and must not arrive in one piece.
    """
    return f"""
SELECT late.*, ({numbering(table)}) AS numbering
FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[]) AS gap (first, last)
CROSS JOIN LATERAL (SELECT {", ".join(columns)} FROM {table}
                    WHERE id BETWEEN gap.first AND gap.last ORDER BY id LIMIT %(limit)s) AS late
ORDER BY late.id LIMIT %(limit)s
"""


def gaps_below(table: str) -> str:
    """Where a follower starts: ids below its high id that are not visible, and may yet be."""
    return f"""
SELECT previous_id + 1 AS first, id - 1 AS last
FROM (SELECT id, lag(id, 1, %(floor)s::bigint) OVER (ORDER BY id) AS previous_id
      FROM {table} WHERE id > %(floor)s AND id <= %(high)s) AS seen
WHERE id > previous_id + 1
"""
