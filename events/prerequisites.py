"""What keeps those who follow the table from seeing every event, and what to do about it."""

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple

# The kind of each, and the names that its texts hold. Tables may be missing still.
FIND = """
WITH followed AS (
    SELECT relid FROM pg_partition_tree(to_regclass('system_events'))
    UNION SELECT to_regclass('system_events') UNION SELECT to_regclass('event_actions')
), sequences AS (
    SELECT pg_sequence.*, seqrelid::regclass::text AS name
    FROM followed JOIN pg_sequence
         ON seqrelid = pg_get_serial_sequence(relid::regclass::text, 'id')::regclass
    WHERE relid IS NOT NULL
)
SELECT 'standby', '', '' WHERE pg_is_in_recovery()
UNION ALL
SELECT 'cache', name, seqcache::text FROM sequences WHERE seqcache <> 1
UNION ALL
SELECT 'order', name, '' FROM sequences WHERE seqincrement < 0 OR seqcycle
UNION ALL
SELECT 'end', name, seqmax::text FROM sequences
WHERE CASE WHEN seqincrement > 0 AND has_sequence_privilege(seqrelid, 'USAGE, SELECT')
           THEN pg_sequence_last_value(seqrelid) > seqmax - seqincrement END
UNION ALL
SELECT DISTINCT 'prepared', quote_literal(gid), to_char(prepared, 'YYYY-MM-DD HH24:MI:SS OF')
FROM pg_prepared_xacts
JOIN pg_locks AS own ON own.transactionid = transaction AND own.pid IS NULL
JOIN pg_locks AS held ON held.virtualtransaction = own.virtualtransaction AND held.pid IS NULL
WHERE pg_prepared_xacts.database = current_database()
  AND prepared < now() - interval '1 minute'
  AND held.mode = 'RowExclusiveLock' AND held.relation IN (SELECT relid FROM followed)
"""

FOLLOWED = """
SELECT name FROM (VALUES ('system_events'), ('event_actions')) AS followed (name)
WHERE to_regclass(name) IS NOT NULL
"""


def find_rows_beside(tables: Iterable[str]) -> str:
    """What finds those of the tables, which must be there, with ids that no sequence gave out."""
    return " UNION ALL ".join(
        f"""
SELECT CASE WHEN newest >> 62 = 0 THEN 'behind' ELSE 'stray' END, name, '{table}', newest::text,
       coalesce(pg_sequence_last_value(name::regclass), 0)::text, quote_literal(name)
FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS name, max(id) AS newest FROM {table})
     AS followed
WHERE CASE WHEN has_sequence_privilege(name, 'USAGE, SELECT')
           THEN newest > coalesce(pg_sequence_last_value(name::regclass), 0) END
UNION ALL
SELECT 'below', name, '{table}', oldest::text, '', quote_literal(name)
FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS name, min(id) AS oldest FROM {table})
     AS followed
WHERE oldest < 1 AND name IS NOT NULL
"""  # noqa: S608 - of `FOLLOWED`
        for table in tables
    )


class Obstacle(NamedTuple):
    """`id` is that of the system check."""

    id: str
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message} {self.advice}"


_TEXTS = {
    "standby": (
        "events.W001",
        "The database is a read-only standby: nobody can follow the event table there.",
        "Set DATABASE_URL to the primary; or name all servers in it, and add "
        "target_session_attrs=read-write.",
    ),
    "cache": (
        "events.W002",
        "The sequence {0} hands out {1} ids to a session at a time: ids then become visible in no "
        "order that can be followed, and events will be missed.",
        "Run ALTER SEQUENCE {0} CACHE 1.",
    ),
    "order": (
        "events.W011",
        "The sequence {0} hands ids out downwards, or again from the beginning: who follows the "
        "event table asks for higher ids only, and will miss events.",
        "Run ALTER SEQUENCE {0} INCREMENT 1 NO CYCLE.",
    ),
    "end": (
        "events.W012",
        "The sequence {0} has come to its end, {1}: no event can be stored.",
        "Run ALTER SEQUENCE {0} AS bigint NO MAXVALUE.",
    ),
    "behind": (
        "events.W010",
        "The ids of {1} go up to {2}, and its sequence {0} has given out {3} only: what it gives "
        "out next is refused, or appears below what was read; who follows the table is sent "
        "nothing above the first free id.",
        "Run SELECT setval({4}, (SELECT max(id) FROM {1})).",
    ),
    "stray": (
        "events.W010",
        "The ids of {1} go up to {2}, and its sequence {0} has given out {3} only: who follows "
        "the table is sent nothing above the first free id.",
        "Run UPDATE {1} SET id = nextval({4}) WHERE id >= 1::bigint << 62.",
    ),
    "below": (
        "events.W013",
        "The ids of {1} go down to {2}: who follows the table begins at 0, and isn't sent those.",
        "Run UPDATE {1} SET id = nextval({4}) WHERE id < 1.",
    ),
    "prepared": (
        "events.W003",
        "The prepared transaction {0} has been left behind since {1}: nobody sees what it wrote, "
        "after_id can't pass it, and it keeps VACUUM from its work.",
        "Run COMMIT PREPARED {0} or ROLLBACK PREPARED {0} in this database.",
    ),
}


def find(run: Callable[[str], Sequence[tuple[str, ...]]]) -> list[Obstacle]:
    """Return the obstacles there are; `run` executes a statement and returns its rows."""
    steps = search()
    statement = next(steps)
    while isinstance(statement, str):
        statement = steps.send(run(statement))
    return statement


def why_not_settled(run: Callable[[str], Sequence[tuple[str, ...]]]) -> str:
    """Return why events are there that are not settled, and what to do about it."""
    found = [str(it) for it in find(run) if it.id == "events.W010"]
    return found[0] if found else "A program is still writing among them: try again once it ended."


def search() -> Generator[str | list[Obstacle], Sequence[tuple[str, ...]], None]:
    """Yield the statements to run, each answered by its rows, and at last the obstacles."""
    rows = [*(yield FIND)]
    if tables := [name for (name,) in (yield FOLLOWED)]:
        rows += yield find_rows_beside(tables)
    yield read(rows)


def read(rows: Iterable[tuple[str, ...]]) -> list[Obstacle]:
    """Return the obstacles of which these rows are."""
    return [Obstacle(*(text.format(*names) for text in _TEXTS[kind])) for kind, *names in rows]


[STANDBY] = read([("standby", "", "")])
