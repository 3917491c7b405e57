"""Batches into the table, once: their receipts, and the ids they get."""

import json
import re
import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.abc import Params

from .. import statements
from ..record import MANY, Record
from .batch import Batch, as_datetime, new_receipt
from .bounded import BoundedConnection
from .refusal import Meaning, Run, is_taken_id, meaning

COPY_ROWS = 500
ATTEMPTS = 3
"""Where a device or account is unknown, an id is taken, or PostgreSQL asks for another."""
PRUNE_ROWS = 1000
RECEIPT_SECONDS = 30 * 24 * 3600.0
"""How long a receipt is kept."""

_NO_IDS = "{(,)}"
"""Where the ids come from a sequence of no column, or a trigger stored the event elsewhere."""

_RANGE = re.compile(r"(-?\d+),(-?\d+)")


class DatabaseDown(Exception):
    """The database can't take events now; the message says why."""

    was_attempted = True
    """Whether anything was sent: else the events are certainly not in the table."""


class ConnectionLost(DatabaseDown):
    """The connection was lost on the way: another one may do; the receipt shows what was stored."""


class Deferred(DatabaseDown):
    """The database doesn't take these batches now; others it may."""


class Rejected(Exception):
    """PostgreSQL does not take the events as they are; the message says why."""


def store(
    connection: BoundedConnection,
    batches: Sequence[Batch],
    *,
    deadline: float,
    notify: bool = True,
    with_event_times: bool = False,
) -> list[int]:
    """Store batches in one transaction, each under its receipt; return the ids in their order.

    A batch that is alone and was stored before answers the ids it got then. `deadline` is in
    `time.monotonic`'s seconds; `notify` wakes those who follow the table; `with_event_times` stores
    when the events happened, else the table says when they were stored. Devices and accounts that
    are not in their tables are moved into the context. Ids that rows have already are passed by.

    Raises `DatabaseDown` and its kinds: the batches may be stored or not. Raises `Rejected`:
    none is, by this call; of several, one may be the cause, or may have been stored before. Events
    that are checked when they are read may raise `InvalidEvent`; nothing is stored then.
    """
    connection.deadline = deadline
    alone = batches[0] if len(batches) == 1 else None
    records = alone.records if alone else [one for batch in batches for one in batch.records]
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _stored(connection, batches, records, notify, with_event_times)
            except psycopg.errors.UniqueViolation as error:
                if alone and error.diag.table_name == "event_receipts":
                    return _received(connection, alone)
                if attempt == ATTEMPTS or not draw_taken_ids(error, rows_of(connection)):
                    raise
            except psycopg.errors.ForeignKeyViolation:
                if attempt == ATTEMPTS:
                    raise
                records = _without_unknown_subjects(connection, records)
            except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
                if attempt == ATTEMPTS:
                    raise
    except psycopg.Error as error:
        failure = _failure(error, connection)
        # Rejected now, it may have been stored before, and only the answer was lost.
        if alone and isinstance(failure, Rejected) and (ids := _received(connection, alone)):
            return ids
        raise failure from error
    raise AssertionError("unreachable")


def draw_taken_ids(error: psycopg.Error, run: Run) -> bool:
    """Where the sequence gave an id that a row has, draw those up to the next that is free.

    A restore leaves a sequence behind. Returns False for any other error. Raises psycopg.Error.
    """
    if not is_taken_id(error, run):
        return False
    run(statements.draw_taken_ids("system_events"), {})
    return True


def rows_of(connection: BoundedConnection) -> Run:
    """Return what runs a statement there."""
    return lambda statement, params: connection.execute(statement, params).fetchall()


def is_split(connection: BoundedConnection, batch: Batch) -> bool:
    """Whether a part of the batch was stored by itself. Raises `DatabaseDown`."""
    receipts = list(batch.receipts_of_parts())
    try:
        return bool(connection.execute(statements.SELECT_RECEIPTS, (receipts,)).fetchone())
    except psycopg.Error as error:
        raise _failure(error, connection) from error


def prune_receipts(connection: BoundedConnection, *, deadline: float) -> int:
    """Delete some of the receipts older than 30 days; return how many. Raises `DatabaseDown`."""
    connection.deadline = deadline
    try:
        given = {
            "oldest": new_receipt(time.time() - RECEIPT_SECONDS),
            "seconds": RECEIPT_SECONDS,
            "limit": PRUNE_ROWS,
        }
        # With its values in the text: a plan for any time would read all receipts.
        return psycopg.ClientCursor(connection).execute(statements.PRUNE_RECEIPTS, given).rowcount
    except psycopg.Error as error:
        raise _failure(error, connection) from error


def _stored(
    connection: BoundedConnection,
    batches: Sequence[Batch],
    records: Sequence[Record],
    notify: bool,
    with_event_times: bool,
) -> list[int]:
    if len(records) == 1 and not with_event_times:
        given = (*records[0], batches[0].receipt, notify)
        return _ids(connection, statements.STORE_ONE, given)
    times = [moment for batch in batches for moment in batch.times] if with_event_times else None
    receipts = [batch.receipt for batch in batches for _ in batch.times]
    if len(records) < MANY or len(batches) > 1:
        return _ids(connection, *_many(records, times, receipts, notify=notify))
    with connection.transaction():
        milliseconds = max(1, int((connection.deadline - time.monotonic()) * 1000))
        drawn = _one(connection, statements.DRAW_IDS, (str(milliseconds), len(records)))
        if drawn == _NO_IDS:
            return _ids(connection, *_many(records, times, receipts, notify=notify))
        ids = _expanded(drawn)
        with connection.cursor().copy(statements.copy(with_times=with_event_times)) as copy:
            for start in range(0, len(ids), COPY_ROWS):  # the server reads while we write
                part = slice(start, start + COPY_ROWS)
                copy.write(_copy_text(ids[part], records[part], times and times[part]))
        connection.execute(statements.STORE_RECEIPT, (receipts[0], drawn, notify))
    return ids


def _received(connection: BoundedConnection, batch: Batch) -> list[int]:
    """Return the ids that the batch got when it was stored, none if it was not."""
    try:
        return _ids(connection, statements.SELECT_RECEIPT, (batch.receipt,))
    except psycopg.Error as error:
        raise _failure(error, connection) from error


def _ids(connection: BoundedConnection, statement: str, params: Params) -> list[int]:
    return _expanded(_one(connection, statement, params))


def _one(connection: BoundedConnection, statement: str, params: Params) -> str:
    row = connection.reused.execute(statement, params).fetchone()
    return row[0] if row else "{}"


def _expanded(ranges: str) -> list[int]:
    """Return the ids of a multirange as PostgreSQL writes it: `{[7,9),[12,13)}`."""
    ids: list[int] = []
    for first, end in _RANGE.findall(ranges):
        ids += range(int(first), int(end))
    return ids


def _many(
    records: Sequence[Record],
    times: Sequence[float] | None,
    receipts: Sequence[UUID],
    *,
    notify: bool,
) -> tuple[str, dict[str, Any]]:
    count = len(records)
    columns = dict(zip(Record._fields, zip(*records, strict=True), strict=True))
    stamps = [None] * count if times is None else [as_datetime(moment) for moment in times]
    return statements.STORE_MANY, {
        **{name: _array(values) for name, values in columns.items()},
        "time": _array(stamps),
        "receipt": _array(receipts),
        "notify": notify,
    }


def _array(values: Sequence[object]) -> str:
    """Write an array as PostgreSQL reads it: the driver takes several times as long.

    No text holds a NUL: it stands for the quotes around a text until those in it are escaped.
    """
    quoted = ",".join(["NULL" if value is None else f"\0{value}\0" for value in values])
    escaped = quoted.replace("\\", "\\\\").replace('"', '\\"')
    return "{" + escaped.replace("\0", '"') + "}"


def _copy_text(ids: Sequence[int], records: Sequence[Record], times: Sequence[float] | None) -> str:
    """Write rows as COPY reads them; NUL stands for what divides them, until all is escaped."""
    columns: list[Sequence[object]] = [ids, *zip(*records, strict=True)]
    if times is not None:
        columns.append([as_datetime(moment).isoformat() for moment in times])
    text = "\0R".join(
        "\0F".join(["\0N" if value is None else str(value) for value in row])
        for row in zip(*columns, strict=True)
    )
    for character, escaped in _COPY_ESCAPES:
        text = text.replace(character, escaped)
    return text + "\n"


# Backslashes first: the others bring some.
_COPY_ESCAPES = (
    ("\\", "\\\\"),
    ("\t", "\\t"),
    ("\n", "\\n"),
    ("\r", "\\r"),
    ("\0N", "\\N"),
    ("\0F", "\t"),
    ("\0R", "\n"),
)


def _without_unknown_subjects(
    connection: BoundedConnection, records: Sequence[Record]
) -> list[Record]:
    """Keep ids of devices and accounts that don't exist where they refer to nothing."""
    device_ids = {record.device_id for record in records} - {None}
    account_ids = {record.account_id for record in records} - {None}
    rows = connection.execute(statements.SELECT_SUBJECTS, (list(device_ids), list(account_ids)))
    known = {(kind, subject_id) for kind, subject_id in rows}
    return [_with_known_subjects(record, known) for record in records]


def _with_known_subjects(record: Record, known: set[tuple[str, UUID]]) -> Record:
    unknown = {}
    device_id, account_id = record.device_id, record.account_id
    if device_id is not None and ("device", device_id) not in known:
        unknown["unknown_device_id"], device_id = str(device_id), None
    if account_id is not None and ("account", account_id) not in known:
        unknown["unknown_account_id"], account_id = str(account_id), None
    if not unknown:
        return record
    context = json.dumps(
        json.loads(record.context) | unknown, ensure_ascii=False, separators=(",", ":")
    )
    return record._replace(device_id=device_id, account_id=account_id, context=context)


def _failure(error: psycopg.Error, connection: BoundedConnection) -> Exception:
    """Return what a psycopg error means for the batch."""
    what = " ".join(str(error).split())
    if isinstance(error, psycopg.errors._WaitTimeout):
        return Deferred("PostgreSQL took too long to answer")
    if connection.closed:
        return ConnectionLost(what)
    try:
        match meaning(error, rows_of(connection)):
            case Meaning.REFUSED:
                return Rejected(what)
            case Meaning.DEFERRED:
                return Deferred(what)
    except psycopg.Error as second:
        return _failure(second, connection)
    if cure := _CURES.get(error.sqlstate or ""):
        return DatabaseDown(f"{error.diag.message_primary}: run {cure}")
    return DatabaseDown(what)


_CURES = {
    "23505": "SELECT setval(pg_get_serial_sequence('system_events', 'id'), max(id)) "
    "FROM system_events",
    "42501": "`manage.py grant_roles`",
    "42P01": "`manage.py migrate` on this database",
}
"""What an operator does about a state, by its SQLSTATE."""
