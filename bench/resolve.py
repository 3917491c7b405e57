"""A bulk job beside a raw UPDATE, and that one beside what it takes under four indexes."""

from functools import partial
from typing import Any

import psycopg

from events.indexes import INDEXES, MESSAGE_DEFINITION, MESSAGE_INDEX

from .comparison import Lap, Measurement, compare, print_table, timed
from .fill import fill
from .scratch import scratch_database, set_up_django

MAKE = """
CREATE UNLOGGED TABLE made AS
SELECT id, timestamp, category, severity, event_type, device_id, account_id, message, context,
       false AS resolved FROM system_events ORDER BY id
"""
FILL = """
INSERT INTO system_events (id, timestamp, category, severity, event_type, device_id, account_id,
                           message, context, resolved)
SELECT * FROM made ORDER BY id
"""
FOUR_COLUMNS = ("timestamp", "event_type", "device_id", "resolved")
FOUR = {f"four_{column}": f"({column})" for column in FOUR_COLUMNS}
"""The indexes beside the primary key that the specification's table mostly has elsewhere."""
OURS = {**INDEXES, MESSAGE_INDEX: MESSAGE_DEFINITION}

UPDATE = """
UPDATE system_events SET resolved = true, resolved_by = 'human', resolved_at = now()
WHERE resolved IS NOT TRUE
"""


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    sizes = {500: 1, 2000: 1} if quick else {100_000: 3, 1_000_000: 1}
    with scratch_database("resolve") as url:
        set_up_django()
        for rows, rounds in sizes.items():
            _make(url, rows)
            transactions: list[float] = []
            job, under_ours, under_four, without_text = _laps(url, rows, transactions)
            compared = compare(f"resolve {rows:,}", job, under_ours, rounds=rounds, items=rows)
            print_table("job", "UPDATE", [compared])
            longest = max(transactions) * 1000
            print(f"Longest transaction: {longest:.0f} ms, of {len(transactions)}.")
            updates = {"all indexes": under_ours, "all but message": without_text}
            print_table(
                "UPDATE",
                "under four",
                [
                    compare(f"{name}, {rows:,}", lap, under_four, rounds=rounds, items=rows)
                    for name, lap in updates.items()
                ],
            )


def _laps(url: str, rows: int, transactions: list[float]) -> list[Lap]:
    """The job, and a raw UPDATE under our indexes, under four, under ours but the message's."""

    def job() -> Measurement:
        _fill(url, OURS)
        return timed(lambda: transactions.extend(_run_job(rows)))

    def update(indexes: dict[str, str]) -> Measurement:
        _fill(url, indexes)
        with psycopg.connect(url, autocommit=True) as connection:
            return timed(lambda: _expect(connection.execute(UPDATE).rowcount, rows))

    return [job, *(partial(update, indexes) for indexes in (OURS, FOUR, INDEXES))]


def _make(url: str, rows: int) -> None:
    """Keep the mixture's events, all unresolved, to fill the table from."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS made")
        connection.execute("TRUNCATE system_events, devices, accounts RESTART IDENTITY CASCADE")
        fill(url, rows, quiet=True)
        connection.execute(MAKE)


def _fill(url: str, indexes: dict[str, str]) -> None:
    """Make the same table again: full, its indexes new, nothing left of the lap before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE system_events, event_actions, event_bulk_jobs")
        for name in OURS | FOUR:
            connection.execute(f"DROP INDEX IF EXISTS {name}".encode())
        connection.execute(FILL)
        connection.execute("SET maintenance_work_mem = '512MB'")
        for name, definition in indexes.items():
            connection.execute(f"CREATE INDEX {name} ON system_events {definition}".encode())
        connection.execute("VACUUM ANALYZE system_events")
        connection.execute("CHECKPOINT")


def _run_job(rows: int) -> list[float]:
    """Preview, confirm and run; return the seconds of each transaction."""
    from django.db import connection

    from events.bulk.confirmation import start
    from events.bulk.preview import preview
    from events.bulk.runner import run
    from events.models.actor import Actor

    seconds: list[float] = []
    job = start(preview("resolve", {}), by=Actor("bench", "human", "command"), reason=None)
    ran: Any = run(job.pk, on_progress=lambda job, took: seconds.append(took))
    connection.close()
    _expect(ran.changed, rows)
    return seconds


def _expect(changed: int, rows: int) -> None:
    if changed != rows:
        raise RuntimeError(f"{changed} of {rows} rows were changed")
