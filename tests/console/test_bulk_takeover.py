"""Jobs outlive their runners: web servers that are stopped, killed, or come later."""

import signal
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from bulk_jobs import add_many, make_job, recorded, unresolved
from patience import eventually
from streaming import make_token, run_server

from events.bulk.workers import Workers
from events.models import BulkJob
from sovi_events import database

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

WATCHING = {"SOVI_BULK_WATCH_SECONDS": "0.2"}


def held_up(row: int) -> Any:
    """Hold a row, at which a job waits; for the length of a block."""
    other = psycopg.connect(database.connection_string())
    other.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [row])
    return other


def confirmed(url: str, token: str) -> BulkJob:
    headers = {"Authorization": f"Token {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as rest:
        seen = rest.post("/api/events/resolve", json={"filters": {"severity": "error"}}).json()
        answer = rest.post("/api/events/resolve", json={"token": seen["token"]})
        assert answer.status_code == 202
        return BulkJob.objects.get(pk=answer.json()["id"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_another_web_server_takes_over_where_one_ended(tmp_path: Path, number: int) -> None:
    ids = add_many(300)
    token = make_token()
    with held_up(ids[200]), run_server(tmp_path / "first.log") as (url, first):
        job = confirmed(url, token)
        eventually(lambda: unresolved() == ids[200:])
        with run_server(tmp_path / "second.log", **WATCHING):
            first.send_signal(number)
            first.wait(timeout=30)
    assert BulkJob.objects.get().state == "running"
    with run_server(tmp_path / "third.log", **WATCHING):
        eventually(lambda: BulkJob.objects.get().state == "done")
    job.refresh_from_db()
    assert job.changed == 300
    assert recorded() == ids


def test_a_server_killed_amid_a_chunk_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    ids = add_many(20_000)
    token = make_token()
    with (
        run_server(tmp_path / "watching.log", **WATCHING),
        run_server(tmp_path / "running.log") as (url, running),
    ):
        job = confirmed(url, token)
        eventually(lambda: BulkJob.objects.get().changed)
        running.kill()
        eventually(lambda: BulkJob.objects.get().state == "done")
    job.refresh_from_db()
    assert job.changed == 20_000
    assert recorded() == ids
    assert unresolved() == []


def test_a_few_threads_run_all_the_jobs_there_are() -> None:
    jobs = []
    for severity in ("info", "warning", "error"):
        add_many(300, severity=severity)
        jobs.append(make_job(f"severity={severity}"))
    workers = Workers(limit=2)
    for _ in jobs:
        workers.run_pending()
    workers.wait(60)
    assert [job.state for job in BulkJob.objects.order_by("pk")] == ["done"] * 3
    assert unresolved() == []
    assert len(recorded()) == len(set(recorded())) == 900


def test_workers_that_are_closed_leave_the_job_to_others() -> None:
    ids = add_many(300)
    make_job()
    workers = Workers()
    with held_up(ids[200]):
        workers.run_pending()
        eventually(lambda: unresolved() == ids[200:])
        workers.close()
        workers.run_pending()
        workers.wait(30)
    assert BulkJob.objects.get().state == "running"
    assert unresolved() == ids[200:]
    others = Workers()
    others.run_pending()
    others.wait(30)
    assert BulkJob.objects.get().changed == 300


def test_a_runner_whose_session_is_cut_is_followed_by_another() -> None:
    ids = add_many(300)
    job = make_job()
    workers = Workers()
    with held_up(ids[200]) as other:
        workers.run_pending()
        eventually(lambda: unresolved() == ids[200:])
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND objid = %s",
            [job.pk],
        )
        workers.wait(30)
        assert BulkJob.objects.get().state == "running"
    workers.run_pending()
    workers.wait(30)
    assert BulkJob.objects.get().changed == 300
    assert recorded() == ids


def test_a_watch_finds_jobs_that_nobody_runs() -> None:
    workers = Workers()
    workers.watch(0.1)
    add_many(3)
    make_job(state="running")
    eventually(lambda: BulkJob.objects.get().state == "done")
    workers.close()
