"""The demo, run as `make demo` runs it, beside the story it tells."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from patience import SLACK_SECONDS

from bench.scratch import ROOT, scratch_database
from demo.cast import own_cast
from demo.fleet import Fleet
from demo.outages import HOUR
from demo.registry import register
from demo.storyteller import Item, Moment, Resolution
from sovi import events
from sovi_events import database
from sovi_events.catalog import EVENT_TYPES

DEADLINE_SECONDS = 60
FAILURES = {
    (known.category, known.name): known.recovered_by for known in EVENT_TYPES if known.recovered_by
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "demo", *arguments]


class Demo(NamedTuple):
    """A running demo and what it says, on both channels."""

    process: subprocess.Popen[bytes]
    output: Path

    def wait_for(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"It did not come to pass:\n{self.output.read_text()}")
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGINT) -> str:
        """Signal it; return all it said, when it ended well."""
        os.kill(self.process.pid, number)
        assert self.process.wait(timeout=10) == 0, self.output.read_text()
        said = self.output.read_text()
        assert "Traceback" not in said
        return said


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start demos that end with the test."""
    started: list[Demo] = []

    def start(*arguments: str) -> Demo:
        output = tmp_path / f"demo-{len(started)}.log"
        with output.open("wb") as log:
            process = subprocess.Popen(command(*arguments), cwd=ROOT, stdout=log, stderr=log)
        started.append(Demo(process, output))
        return started[-1]

    yield start
    for demo in started:
        if demo.process.poll() is None:
            demo.process.kill()
            demo.process.wait()


def rows() -> list[dict[str, Any]]:
    """Return all events, oldest first."""
    return events.get_events(limit=10_000)[::-1]


def items(seed: int, hours: float) -> list[Item]:
    """Return what everyone tells in the first simulated hours, in order of time."""
    told = [
        item
        for teller in Fleet(own_cast(), seed).tellers
        for item in takewhile(lambda item: item.at < hours * HOUR, teller.story())
    ]
    return sorted(told, key=lambda item: item.at)


def test_every_known_event_is_told_with_the_fields_of_its_convention(
    transactional_db: None, start: Callable[..., Demo]
) -> None:
    expected = {(known.category, known.name) for known in EVENT_TYPES}
    demo = start("--rate", "1000")
    demo.wait_for(lambda: expected <= {(it["category"], it["event_type"]) for it in rows()})
    demo.stop()
    told = defaultdict(list)
    for row in rows():
        told[row["category"], row["event_type"]].append(row)
    for known in EVENT_TYPES:
        for row in told[known.category, known.name]:
            assert row["severity"] == known.severity
            assert set(known.context_fields) <= set(row["context"]), known.name
            assert row["context"]
    assert rows()[-1]["event_type"] == "scheduler_stopped"
    assert {row["device_id"] for row in rows()} >= {it.id for it in own_cast().devices}
    assert len({row["account_id"] for row in rows()}) > 20
    resolved = [row for row in rows() if row["resolved"]]
    assert {row["resolved_by"] for row in resolved} == {"auto"}
    failures = [row for row in rows() if row["severity"] != "info"]
    assert len(resolved) < len(failures) / 2


def test_recovery_follows_a_burst(transactional_db: None, start: Callable[..., Demo]) -> None:
    story = items(1, 240)
    outage = Fleet(own_cast(), 1).outages.next_window("tiktok", 0)
    hit = [
        item
        for item in story
        if isinstance(item, Moment)
        and item.event_type == "warming_failed"
        and outage[0] <= item.at < outage[1]
        and item.context["platform"] == "tiktok"
    ]
    assert len({item.device for item in hit}) >= 5

    accounts = {item.account.id for item in hit if item.account}

    def recovered() -> bool:
        open_failures = set()
        failed = set()
        for row in rows():
            if row["account_id"] in accounts and row["event_type"] == "warming_failed":
                open_failures.add(row["account_id"])
                failed.add(row["account_id"])
            elif row["event_type"] == "warming_complete":
                open_failures.discard(row["account_id"])
        return failed == accounts and not open_failures

    demo = start("--rate", "1000", "--seed", "1")
    demo.wait_for(recovered)
    demo.stop()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_failure_that_can_recover_does(seed: int) -> None:
    waiting: dict[Moment, tuple[str, ...]] = {}
    for item in items(seed, 96):
        if not isinstance(item, Moment):
            continue
        for failure, recoveries in list(waiting.items()):
            same = failure.device == item.device or failure.account == item.account
            if item.event_type in recoveries and same:
                del waiting[failure]
        # Lists are not hashed: the context is set aside.
        if recoveries := FAILURES.get((item.category, item.event_type), ()):
            waiting[item._replace(context=None)] = recoveries  # type: ignore[arg-type]
    assert all(failure.at > 84 * HOUR for failure in waiting)


def test_the_same_seed_tells_the_same_story(
    transactional_db: None, start: Callable[..., Demo]
) -> None:
    assert items(7, 24) == items(7, 24)
    assert items(7, 24) != items(8, 24)
    demo = start("--rate", "500", "--seed", "7")
    demo.wait_for(lambda: len(rows()) > 300)
    demo.stop()
    written = rows()
    for loop in Fleet(own_cast(), 7).devices:
        # The dashboard's logins have no device, so a device's rows are its thread's.
        told = [row["message"] for row in written if row["device_id"] == loop.device.id]
        story = (item for item in loop.story() if isinstance(item, Moment))
        assert told == [moment.message for moment, _ in zip(story, told, strict=False)]


def test_only_failures_are_resolved_and_only_some() -> None:
    story = items(1, 96)
    resolutions = [item for item in story if isinstance(item, Resolution)]
    failures = [item for item in story if isinstance(item, Moment) and item.severity != "info"]
    assert 0 < len(resolutions) < len(failures) / 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_within_a_second(
    number: int, transactional_db: None, start: Callable[..., Demo]
) -> None:
    demo = start("--rate", "50")
    demo.wait_for(lambda: len(rows()) > 20)
    began = time.monotonic()
    said = demo.stop(number)
    assert time.monotonic() - began < 1 + SLACK_SECONDS
    assert re.search(r"Emitted [\d,]+ events at", said)
    assert [row["event_type"] for row in rows()[-2:]] == ["scheduler_stopping", "scheduler_stopped"]


def test_a_duration_ends_it_and_a_second_run_finds_its_fleet(transactional_db: None) -> None:
    for _ in range(2):
        done = subprocess.run(
            command("--rate", "100", "--duration", "1"), cwd=ROOT, capture_output=True, timeout=60
        )
        assert done.returncode == 0
        assert done.stderr == b""
    with psycopg.connect(database.connection_string()) as connection:
        for table, count in (("devices", 12), ("accounts", 30)):
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert found == (count,)


def test_a_backfill_writes_the_hours_before(transactional_db: None) -> None:
    done = subprocess.run(
        command("--backfill", "12", "--duration", "0"), cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    written = rows()
    assert len(written) > 300
    assert written == sorted(written, key=lambda row: (row["timestamp"], row["id"]))
    hours = (written[-1]["timestamp"] - written[0]["timestamp"]).total_seconds() / HOUR
    assert 11.5 < hours < 12.5


def test_it_outlasts_a_database_that_goes_away(start: Callable[..., Demo]) -> None:
    server: dict[str, Any] = database.parameters()
    with scratch_database("demo") as url, psycopg.connect(**server, autocommit=True) as connection:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]

        def open_to_connections(whether: bool) -> None:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {whether}')

        def count() -> int:
            with psycopg.connect(url) as counting:
                found = counting.execute("SELECT count(*) FROM system_events").fetchone()
                assert found
                return int(found[0])

        demo = start("--rate", "100")
        demo.wait_for(lambda: count() > 20)
        open_to_connections(False)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        demo.wait_for(lambda: "The database is away" in demo.output.read_text())
        open_to_connections(True)
        demo.wait_for(lambda: "The database is back" in demo.output.read_text())
        before = count()
        demo.wait_for(lambda: count() > before + 20)
        said = demo.stop()
        assert said.count("The database is away; ") == 1
        # What it says it emitted is there, the outage's events too.
        emitted = re.search(r"Emitted ([\d,]+) events", said)
        assert emitted
        subprocess.run([sys.executable, "-m", "sovi_events.spool", "drain"], cwd=ROOT, check=True)
        assert count() >= int(emitted[1].replace(",", ""))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["nonesuch", None])
def test_a_database_that_cannot_be_used_is_a_clear_error(name: str | None) -> None:
    with scratch_database("unmigrated", migrate=False) as url:
        if name:
            url = database.connection_string(name)
        done = subprocess.run(
            command("--duration", "1"),
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert ("DATABASE_URL" if name else "manage.py migrate") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_rows_of_richer_tables_play_the_parts() -> None:
    with scratch_database("adopted", migrate=False) as url, psycopg.connect(url) as connection:
        connection.execute(
            """
            CREATE TYPE platform AS ENUM ('tiktok', 'instagram');
            CREATE TABLE devices (id uuid PRIMARY KEY, name text NOT NULL, udid text NOT NULL);
            CREATE TABLE accounts (id uuid PRIMARY KEY, platform platform NOT NULL,
                                   username text NOT NULL);
            INSERT INTO devices VALUES (gen_random_uuid(), 'Rack 7', 'udid');
            """
        )
        connection.commit()
        cast, notes = register()
        assert [device.name for device in cast.devices] == ["Rack 7"]
        assert len(cast.accounts) == 24
        assert len(cast.reserve) == 6
        assert "udid" in notes[0]
        assert "first 1 row" in notes[1]
        connection.execute("DELETE FROM devices")
        connection.commit()
        cast, notes = register()
        assert {device.id for device in cast.devices} == {None}
        assert "is empty" in notes[1]
