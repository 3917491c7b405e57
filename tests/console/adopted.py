"""A database as SOVI's other programs made it, and those programs, writing it."""

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from patience import eventually
from streaming import ROOT

from events.indexes import INDEXES

EVENTS = "system_events"
DDL = re.findall(r"^```sql\n(.*?)^```", (ROOT / "docs/event-system.md").read_text(), re.M | re.S)

TABLES_OF_SOVI = """
CREATE TYPE platform AS ENUM ('tiktok', 'instagram');
CREATE TABLE devices (
    udid     TEXT UNIQUE NOT NULL,
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name     VARCHAR(100) NOT NULL,
    wda_port INTEGER,
    status   TEXT NOT NULL DEFAULT 'active'
);
CREATE TABLE accounts (
    id            UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    platform      platform NOT NULL,
    username      TEXT NOT NULL,
    email         TEXT,
    password      BYTEA,
    device_id     UUID REFERENCES devices(id),
    current_state TEXT NOT NULL DEFAULT 'created',
    UNIQUE (platform, username)
);
"""
INDEXES_OF_SOVI = """
CREATE INDEX idx_events_timestamp ON system_events (timestamp DESC);
CREATE INDEX idx_events_severity ON system_events (severity) WHERE resolved = false;
"""
ROWS = """
INSERT INTO devices (udid, name) SELECT 'udid-' || n, 'iPhone-' || n FROM generate_series(1, 9) n;
INSERT INTO accounts (platform, username, device_id)
SELECT (ARRAY['tiktok', 'instagram'])[1 + n % 2]::platform, 'grind' || n, devices.id
FROM generate_series(1, 9) n JOIN devices ON devices.name = 'iPhone-' || n;
INSERT INTO system_events (timestamp, category, severity, event_type, message,
                           context, resolved, resolved_by, resolved_at)
SELECT now() - n * interval '1 second',
       (ARRAY['scheduler', 'device', 'account', 'auth', 'billing'])[1 + n % 5],
       (ARRAY['info', 'warning', 'error', 'critical'])[1 + n % 4],
       (ARRAY['warming_complete', 'login_failed', 'invoice sent'])[1 + n % 3],
       'Row ' || n,
       CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '{}' ELSE jsonb_build_object('n', n) END,
       CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN false ELSE true END,
       CASE n % 3 WHEN 2 THEN 'human' END,
       CASE n % 3 WHEN 2 THEN now() END
FROM generate_series(1, COUNT) n;
UPDATE system_events SET device_id = devices.id, account_id = accounts.id
FROM devices JOIN accounts ON accounts.device_id = devices.id
WHERE system_events.id <= 900 AND devices.name = 'iPhone-' || 1 + system_events.id % 9;
"""

# Of each table of SOVI: its columns, constraints and triggers, as PostgreSQL describes them.
SHAPE = """
SELECT relname, attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull || ' '
       || coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE pg_class.oid = ANY(%(tables)s::regclass[])
UNION ALL
SELECT conrelid::regclass::text, pg_get_constraintdef(oid)
FROM pg_constraint WHERE conrelid = ANY(%(tables)s::regclass[])
UNION ALL
SELECT tgrelid::regclass::text, pg_get_triggerdef(oid)
FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ANY(%(tables)s::regclass[])
ORDER BY 1, 2
"""
SUM_OF_ROWS = """
SELECT count(*), sum(hashtextextended(system_events::text, 0)::numeric)
FROM system_events WHERE id <= %s
"""
BUILD_THAT_WAITS = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
  AND query LIKE 'CREATE INDEX CONCURRENTLY%'
"""


class Database:
    """A scratch database, looked at through a session of its own."""

    def __init__(self, url: str, session: psycopg.Connection[Any]) -> None:
        self.url = url
        self.session = session

    def rows(self, statement: str, params: Any = None) -> list[tuple[Any, ...]]:
        return self.session.execute(statement, params).fetchall()

    def shape(self, *tables: str) -> list[tuple[Any, ...]]:
        return self.rows(SHAPE, {"tables": list(tables or ("devices", "accounts", EVENTS))})

    def indexes(self) -> dict[str, tuple[int, bool]]:
        """The file and validity of each index of the table, by name."""
        return {
            name: (file, valid)
            for name, file, valid in self.rows(
                "SELECT relname, relfilenode, indisvalid FROM pg_index"
                " JOIN pg_class ON pg_class.oid = indexrelid WHERE indrelid = %s::regclass",
                [EVENTS],
            )
        }

    def is_migrated(self) -> bool:
        found = self.indexes()
        return found.keys() >= INDEXES.keys() and all(found[name][1] for name in INDEXES)

    def build_waits(self) -> int | None:
        """The server process that builds an index and waits for another's transaction."""
        found = self.rows(BUILD_THAT_WAITS)
        return found[0][0] if found else None

    def manage(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=os.environ | environment | {"DATABASE_URL": self.url},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def migrating(self) -> Iterator["subprocess.Popen[str]"]:
        """Run `migrate` beside the block."""
        process = subprocess.Popen(
            [sys.executable, "manage.py", "migrate"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": self.url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


RAW_INSERT = """
INSERT INTO system_events (category, severity, event_type, message)
VALUES ('scheduler', 'info', 'warming_started', 'Raw')
"""
COPY = "COPY system_events (category, severity, event_type, message) FROM STDIN"


class Writers:
    """Other programs, each writing in its own way; a lock held against one for long fails it."""

    def __init__(self, url: str) -> None:
        self.commits: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        self._url = url
        self._stop = threading.Event()

    @contextmanager
    def writing(self) -> Iterator[None]:
        with ThreadPoolExecutor() as pool:
            running = [
                pool.submit(self._write, way)
                for way in (self._one_by_one, self._several_at_once, self._copy)
            ]
            try:
                yield
            finally:
                self._stop.set()
            for writer in running:
                writer.result()

    def all_go_on(self) -> None:
        """Return once each has committed five times more."""
        before = self.commits.copy()
        eventually(
            lambda: (
                len(self.commits) == 3
                and all(self.commits[name] >= before[name] + 5 for name in self.commits)
            )
        )

    def _write(self, way: Any) -> None:
        with psycopg.connect(self._url, options="-c lock_timeout=2s") as session:
            while not self._stop.is_set():
                rows = way(session)
                session.commit()
                self.commits[way.__name__] += 1
                self.rows[way.__name__] += rows
                self._stop.wait(0.005)

    def _one_by_one(self, session: psycopg.Connection[Any]) -> int:
        session.execute(RAW_INSERT)
        return 1

    def _several_at_once(self, session: psycopg.Connection[Any]) -> int:
        for _ in range(3):
            session.execute(RAW_INSERT)
        return 3

    def _copy(self, session: psycopg.Connection[Any]) -> int:
        with session.cursor() as cursor, cursor.copy(COPY) as copy:
            for _ in range(2):
                copy.write_row(("device", "critical", "unlisted", "Copied"))
        return 2
