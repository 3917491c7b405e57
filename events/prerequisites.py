"""What keeps those who follow the table from seeing every event, and what to do about it."""

from collections.abc import Iterable
from typing import NamedTuple

# The kind of each, and the two names that its texts hold. Tables may be missing still.
FIND = """
WITH followed AS (
    SELECT relid FROM pg_partition_tree(to_regclass('system_events'))
    UNION SELECT to_regclass('system_events') UNION SELECT to_regclass('event_actions')
)
SELECT 'standby', '', '' WHERE pg_is_in_recovery()
UNION ALL
SELECT 'cache', seqrelid::regclass::text, seqcache::text
FROM followed JOIN pg_sequence
     ON seqrelid = pg_get_serial_sequence(relid::regclass::text, 'id')::regclass
WHERE relid IS NOT NULL AND seqcache <> 1
UNION ALL
SELECT DISTINCT 'prepared', quote_literal(gid), to_char(prepared, 'YYYY-MM-DD HH24:MI:SS OF')
FROM pg_prepared_xacts
JOIN pg_locks AS own ON own.transactionid = transaction AND own.pid IS NULL
JOIN pg_locks AS held ON held.virtualtransaction = own.virtualtransaction AND held.pid IS NULL
WHERE pg_prepared_xacts.database = current_database()
  AND prepared < now() - interval '1 minute'
  AND held.mode = 'RowExclusiveLock' AND held.relation IN (SELECT relid FROM followed)
"""


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
    "prepared": (
        "events.W003",
        "The prepared transaction {0} has been left behind since {1}: nobody sees what it wrote, "
        "after_id can't pass it, and it keeps VACUUM from its work.",
        "Run COMMIT PREPARED {0} or ROLLBACK PREPARED {0} in this database.",
    ),
}


def read(rows: Iterable[tuple[str, str, str]]) -> list[Obstacle]:
    """Return the obstacles that `FIND` found."""
    return [Obstacle(*(text.format(*names) for text in _TEXTS[kind])) for kind, *names in rows]


[STANDBY] = read([("standby", "", "")])
