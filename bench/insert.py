"""Inserts with each index, and with all of them, beside the specification's bare table."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import psycopg

from events.indexes import CONTEXT_INDEX, DEFINITIONS, MESSAGE_INDEX

from .comparison import Comparison, compare, print_table, timed
from .fill import fill
from .scratch import scratch_database

COLUMNS = "category, severity, event_type, device_id, account_id, message, context"


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    filled, batch, singles, rounds = (1000, 20, 5, 2) if quick else (1_000_000, 5000, 300, 7)
    with scratch_database("insert") as url:
        fill(url, filled)
        with psycopg.connect(url, autocommit=True) as connection:
            rows = connection.execute(_SAMPLE, [batch]).fetchall()
            _make_tables(connection)
            print(f"Into tables of {filled:,} events.")
            inserts = {
                f"COPY of {batch:,}": lambda table: timed(lambda: _copy(connection, table, rows)),
                "one by one": lambda table: timed(_one_by_one(connection, table, rows), singles),
            }
            print_table("with it", "bare table", _comparisons(connection, inserts, rounds))


_SAMPLE = f"SELECT {COLUMNS}::text FROM system_events ORDER BY md5(id::text) LIMIT %s"


def _make_tables(connection: psycopg.Connection[Any]) -> None:
    """Leave two tables with the same rows, each with its primary key and references alone."""
    for name in DEFINITIONS:
        connection.execute(f"DROP INDEX IF EXISTS {name}".encode())
    for table in ("bare", "indexed"):
        for statement in (
            f"CREATE TABLE {table} (LIKE system_events INCLUDING DEFAULTS)",
            f"INSERT INTO {table} SELECT * FROM system_events",
            f"ALTER TABLE {table} ADD PRIMARY KEY (id), "
            "ADD FOREIGN KEY (device_id) REFERENCES devices (id), "
            "ADD FOREIGN KEY (account_id) REFERENCES accounts (id)",
        ):
            connection.execute(statement.encode())
    connection.execute("VACUUM ANALYZE")


def _comparisons(
    connection: psycopg.Connection[Any], inserts: dict[str, Any], rounds: int
) -> Iterator[Comparison]:
    alone = [(name.removeprefix("sovi_events_"), [name]) for name in DEFINITIONS]
    migrated = [name for name in DEFINITIONS if name != CONTEXT_INDEX]
    together = {
        "all but message": [name for name in migrated if name != MESSAGE_INDEX],
        "all": migrated,
        "all and context": list(DEFINITIONS),
    }
    for label, names in [*alone, *together.items()]:
        for name in names:
            statement = f"CREATE INDEX {name} ON indexed {DEFINITIONS[name]}"
            connection.execute(statement.encode())
        connection.execute("CHECKPOINT")
        for kind, insert in inserts.items():
            ours, raw = partial(insert, "indexed"), partial(insert, "bare")
            yield compare(f"{label}, {kind}", ours, raw, rounds=rounds)
        for name in names:
            connection.execute(f"DROP INDEX {name}".encode())


def _copy(connection: psycopg.Connection[Any], table: str, rows: list[Any]) -> None:
    with connection.cursor().copy(f"COPY {table} ({COLUMNS}) FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
    if table == "indexed":
        # What the insert left for later is a part of its cost.
        connection.execute(_FINISH)


_FINISH = """
SELECT gin_clean_pending_list(pg_index.indexrelid) FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam AND amname = 'gin'
WHERE indrelid = 'indexed'::regclass
"""


def _one_by_one(
    connection: psycopg.Connection[Any], table: str, rows: list[Any]
) -> Callable[[], object]:
    remaining = cycle(rows)
    statement = f"INSERT INTO {table} ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)"
    return lambda: connection.execute(statement.encode(), next(remaining), prepare=True)
