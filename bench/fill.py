"""Fill a table with realistic events, the same every time: `--rows N`, kept with `--keep`."""

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from . import mixture
from .scratch import kept_database, manage, scratch_database

CHUNK_ROWS = 500_000
ROWS = 1_000_000
QUICK_ROWS = 2_000


def run(*, quick: bool = False, rows: int | None = None, keep: bool = False) -> None:
    """Fill, print how long it took and what is there; drop it at the end unless it is kept."""
    rows = rows or (QUICK_ROWS if quick else ROWS)
    with filled(rows, keep=keep) as url, psycopg.connect(url) as connection:
        for name, size, count in connection.execute(_DESCRIBE):
            print(f"{name:<34} {size:>10} {count:>12,.0f}")


_DESCRIBE = """
SELECT relname, pg_size_pretty(pg_relation_size(pg_class.oid)), reltuples FROM pg_class
WHERE oid = 'system_events'::regclass
   OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'system_events'::regclass)
ORDER BY relkind DESC, relname
"""


@contextmanager
def filled(rows: int, *, keep: bool) -> Iterator[str]:
    """Yield the URL of a database with so many events, rolled up as where they came one by one.

    To be kept, it is filled once and stays.
    """
    if not keep:
        with scratch_database(f"fill_{rows}") as url:
            fill(url, rows)
            manage("roll_up_events")
            yield url
        return
    with kept_database(f"bench_fill_{rows}") as (url, is_new):
        if is_new:
            fill(url, rows)
            manage("roll_up_events")
        yield url


def device_id(number: int) -> str:
    return _id_of(f"device {number}")


def account_id(number: int) -> str:
    return _id_of(f"account {number}")


def _id_of(name: str) -> str:
    return str(uuid.UUID(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()))


def fill(url: str, rows: int, *, quiet: bool = False) -> None:
    """Fill an empty migrated database."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        with without_indexes(connection):
            _insert(connection, rows)
            inserted = time.monotonic()
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    if not quiet:
        print(
            f"{rows:,} events in {inserted - began:,.0f} s, "
            f"their indexes in {time.monotonic() - inserted:,.0f} s"
        )


@contextmanager
def without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Drop the table's indexes and references for as long as many rows are written."""
    statements = connection.execute(_DROP_AND_MAKE).fetchall()
    for drop, _ in statements:
        connection.execute(drop)
    yield
    connection.execute("SET maintenance_work_mem = '512MB'")
    for _, make in statements:
        connection.execute(make)


_DROP_AND_MAKE = """
SELECT format('ALTER TABLE system_events DROP CONSTRAINT %I', conname),
    format('ALTER TABLE system_events ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = 'system_events'::regclass AND contype = 'f'
UNION ALL
SELECT format('DROP INDEX %I', indexname), indexdef FROM pg_indexes
WHERE tablename = 'system_events' AND indexname <> 'system_events_pkey'
"""


def _insert(connection: psycopg.Connection[Any], rows: int) -> None:
    params: dict[str, Any] = {
        name: [getattr(kind, name) for kind in mixture.KINDS]
        for name in mixture.EventKind._fields
        if name != "slots"
    }
    params |= {
        "slots": [
            number for number, kind in enumerate(mixture.KINDS, 1) for _ in range(kind.slots)
        ],
        "devices": mixture.DEVICES,
        "accounts": mixture.ACCOUNTS,
        "silent_device": mixture.SILENT_DEVICE,
        "days": mixture.DAYS,
        "rows": rows,
        "end": connection.execute("SELECT now()").fetchone()[0],  # type: ignore[index]
    }
    client = psycopg.ClientCursor(connection)
    client.execute(mixture.MAKE_DEVICES, params)
    client.execute(mixture.MAKE_ACCOUNTS, params)
    for first in range(1, rows + 1, CHUNK_ROWS):
        chunk = {"first": first, "last": min(first + CHUNK_ROWS - 1, rows)}
        with connection.transaction():
            client.execute("SELECT setseed(%s)", [first % 997 / 997])
            client.execute(mixture.MAKE_EVENTS, params | chunk)
