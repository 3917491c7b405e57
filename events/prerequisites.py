"""What keeps those who follow the table from seeing every event, and what to do about it."""

from collections.abc import Iterable
from typing import NamedTuple

# Told by its name in the first column, with what the texts below name. Tables may be missing still.
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


def _standby(_: str, __: str) -> Obstacle:
    return Obstacle(
        "events.W001",
        "The database is a read-only standby: nobody can follow the event table there.",
        "Set DATABASE_URL to the primary; or name all servers in it, and add "
        "target_session_attrs=read-write.",
    )


def _cache(sequence: str, size: str) -> Obstacle:
    return Obstacle(
        "events.W002",
        f"The sequence {sequence} hands out {size} ids to a session at a time: ids then become "
        "visible in no order that can be followed, and events will be missed.",
        f"Run ALTER SEQUENCE {sequence} CACHE 1.",
    )


def _prepared(name: str, since: str) -> Obstacle:
    return Obstacle(
        "events.W003",
        f"The prepared transaction {name} has been left behind since {since}: nobody sees what it "
        "wrote, after_id can't pass it, and it keeps VACUUM from its work.",
        f"Run COMMIT PREPARED {name} or ROLLBACK PREPARED {name} in this database.",
    )


_BY_NAME = {"standby": _standby, "cache": _cache, "prepared": _prepared}
STANDBY = _standby("", "")


def read(rows: Iterable[tuple[str, str, str]]) -> list[Obstacle]:
    """Return the obstacles that `FIND` told of."""
    return [_BY_NAME[name](what, detail) for name, what, detail in rows]
