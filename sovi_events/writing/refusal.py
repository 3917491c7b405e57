"""What an error of PostgreSQL says: that an event can't be stored, or that the database can't.

REFUSED is what a healthy table takes at no time, for the event's own data: it becomes a dead
letter, or is answered 400. All else is the database's state, which somebody mends: the events wait.
A state is either everybody's (DOWN), so that nothing more is sent meanwhile, or may be that of some
events only (DEFERRED): others go ahead of them.

| SQLSTATE                            |          | because                                         |
|-------------------------------------|----------|-------------------------------------------------|
| 22 (bad data), 44 (a view's check)  | REFUSED  | but 2200H, a sequence at its end: DOWN          |
| 23 in system_events, or in no table | REFUSED  | by the owner's own constraint or trigger, but   |
| - 23505 of a unique index with `id` | DOWN     | no event brings an id: the sequence is behind   |
| - 23502 of a column no event brings | DOWN     | its default is gone, or the owner added it      |
| - 23514 that names no constraint    | DEFERRED | there is no partition for it                    |
| 23 in another table                 | DEFERRED | a trigger's: that table's state                 |
| 54 (limits: an index's entry)       | REFUSED  | but of the server's files and transaction ids   |
| P0 (a trigger raised)               | REFUSED  | the owner's way to refuse one                   |
| 55P03, 57014 (locks, time limits)   | DEFERRED | the batch may be too large                      |
| 21, 38, 39, 40, XX                  | DEFERRED | a trigger's failure, a deadlock, a damaged page |
| none, of the driver's DataError     | REFUSED  | it can't even be sent                           |
| all others                          | DOWN     | 25006 read-only, 42501 a missing grant, 42P01   |
|                                     |          | and 42703 a missing table and column, 53 full   |
|                                     |          | disks and memory, 57P shutdown, 58 input/output |

See docs/decisions/0018-whose-fault-an-error-is.md.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import psycopg

from ..record import Record

Run = Callable[[str, dict[str, Any]], Sequence[Sequence[Any]]]
"""Executes a statement and returns its rows."""

SEQUENCE_AT_ITS_END = "2200H"
CONSTRAINTS = "23"
NOT_NULL, UNIQUE, CHECK = "23502", "23505", "23514"
LIMITS = "54"
LIMITS_OF_THE_SERVER = ("md.c", "multixact.c", "varsup.c")
"""PostgreSQL's source files of storage and of transaction ids; they say 54 as an index does."""
REFUSALS = ("22", "44", LIMITS, "P0")
DEFERRALS = ("21", "38", "39", "40", "55P03", "57014", "XX")


class Meaning(Enum):
    """What becomes of the events: refused for good, or stored later, with others or after them."""

    REFUSED = "refused"
    DEFERRED = "deferred"
    DOWN = "down"


# What a violation names: whether it is in the table of the events or of their receipts, and whether
# the ids are in its index. Partitions have names of their own.
NAMED = """
SELECT relation IN (SELECT to_regclass('system_events')
                    UNION SELECT relid FROM pg_partition_tree(to_regclass('system_events'))
                    UNION SELECT to_regclass('event_receipts')),
       EXISTS (SELECT FROM pg_attribute JOIN pg_index ON attrelid = indrelid
               WHERE indexrelid = index AND attnum = ANY (indkey) AND attname = 'id'
                 AND relation <> to_regclass('event_receipts'))
FROM (SELECT to_regclass(schema || quote_ident(%(table)s)) AS relation,
             to_regclass(schema || quote_ident(%(index)s)) AS index
      FROM (SELECT quote_ident(%(schema)s) || '.' AS schema) AS its) AS named
"""


def meaning(error: psycopg.Error, run: Run) -> Meaning:
    """Return what an error means for the events that were sent, outside a failed transaction."""
    state = error.sqlstate or ""
    if state.startswith(CONSTRAINTS):
        return _of_constraint(error, run)
    if state.startswith(DEFERRALS):
        return Meaning.DEFERRED
    if state == SEQUENCE_AT_ITS_END:
        return Meaning.DOWN
    if state.startswith(LIMITS) and error.diag.source_file in LIMITS_OF_THE_SERVER:
        return Meaning.DOWN
    is_unsendable = not state and isinstance(error, psycopg.DataError)
    return Meaning.REFUSED if is_unsendable or state.startswith(REFUSALS) else Meaning.DOWN


def is_taken_id(error: psycopg.Error, run: Run) -> bool:
    """Whether there is a row with the id that the sequence gave."""
    return error.sqlstate == UNIQUE and _named(error, run)[1]


def _of_constraint(error: psycopg.Error, run: Run) -> Meaning:
    if not error.diag.table_name:  # a type's check, or what a trigger raised under such a code
        return Meaning.REFUSED
    is_events, has_id = _named(error, run)
    if not is_events:
        return Meaning.DEFERRED
    if error.sqlstate == UNIQUE and has_id:
        return Meaning.DOWN
    if error.sqlstate == NOT_NULL and error.diag.column_name not in Record._fields:
        return Meaning.DOWN
    if error.sqlstate == CHECK and not error.diag.constraint_name:
        return Meaning.DEFERRED
    return Meaning.REFUSED


def _named(error: psycopg.Error, run: Run) -> tuple[bool, bool]:
    diag = error.diag
    [(is_events, has_id)] = run(
        NAMED,
        {"schema": diag.schema_name, "table": diag.table_name, "index": diag.constraint_name},
    )
    return bool(is_events), has_id
