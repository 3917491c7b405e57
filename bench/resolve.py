"""A bulk job beside one raw UPDATE over the same rows, and its longest transaction."""

from typing import Any

import psycopg

from .comparison import Measurement, compare, print_table, timed
from .fill import without_indexes
from .scratch import scratch_database, set_up_django

FILL = """
INSERT INTO system_events (id, timestamp, category, severity, event_type, message, context)
SELECT n, now() - make_interval(secs => (%(rows)s - n) / 10.0),
       (ARRAY['scheduler', 'device', 'account', 'auth'])[1 + n %% 4],
       CASE WHEN n %% 100 < 95 THEN 'info' WHEN n %% 100 < 99 THEN 'warning' ELSE 'critical' END,
       'type ' || n %% 20, 'Warmed tiktok/grind4829: ' || n || ' videos',
       '{"platform": "tiktok", "videos_watched": 45, "likes": 3, "phase": "LIGHT"}'
FROM generate_series(1, %(rows)s::bigint) AS n
"""
UPDATE = """
UPDATE system_events SET resolved = true, resolved_by = 'human', resolved_at = now()
WHERE resolved IS NOT TRUE
"""


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    rows, rounds = (2000, 1) if quick else (1_000_000, 3)
    transactions: list[float] = []

    def ours() -> Measurement:
        _fill(url, rows)
        return timed(lambda: transactions.extend(_run_job(rows)))

    def raw() -> Measurement:
        _fill(url, rows)
        with psycopg.connect(url, autocommit=True) as connection:
            return timed(lambda: _expect(connection.execute(UPDATE).rowcount, rows))

    with scratch_database("resolve") as url:
        set_up_django()
        compared = compare(f"resolve {rows:,}", ours, raw, rounds=rounds, items=rows)
        print_table("job", "UPDATE", [compared])
    longest = max(transactions) * 1000
    print(f"Longest transaction: {longest:.0f} ms, of {len(transactions)}.")


def _fill(url: str, rows: int) -> None:
    """Make the same table again: full, its indexes new, nothing left of the lap before."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE system_events, event_actions, event_bulk_jobs")
        with without_indexes(connection):
            connection.execute(FILL, {"rows": rows})
        connection.execute("SELECT setval('system_events_id_seq', %s)", [rows])
        connection.execute("VACUUM ANALYZE system_events")


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
