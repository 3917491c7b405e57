"""`manage.py resolve_events` and `reopen_events`, as an operator or a timer runs them."""

import getpass
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bulk_jobs import COLLEAGUE, add_many, make_job, recorded, unresolved
from django.core.management import CommandError, call_command
from patience import eventually

from events.models import BulkJob, EventAction, SystemEvent
from sovi_events import database

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]


def command(*arguments: str, action: str = "resolve", **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", f"{action}_events", *arguments],
        cwd=ROOT,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def test_a_dry_run_prints_the_preview_and_changes_nothing(capsys: Any) -> None:
    ids = add_many(3, message="Login failed")
    add_many(2, severity="warning")
    call_command("resolve_events", "--all", "--dry-run")
    said = capsys.readouterr().out
    assert f"5 events would be resolved, up to #{ids[-1] + 2}." in said
    assert "error: 3" in said and "warning: 2" in said
    assert f"Oldest: #{ids[0]} " in said and "Login failed" in said
    assert len(unresolved()) == 5
    assert not BulkJob.objects.exists()


def test_what_producers_wrote_moves_no_cursor(capsys: Any) -> None:
    hostile = "\x1b[2Jone\ntwo\a\u202e"
    add_many(2, message=hostile, severity=hostile, event_type=hostile)
    call_command("resolve_events", f"--category=auth,{hostile}", "--dry-run")
    said = capsys.readouterr().out
    assert "one\\ntwo␇: one\\ntwo␇" in said
    assert not set("\x1b\a\u202e") & set(said)
    assert len(said.splitlines()) == 6  # the filter, how many, of a severity, oldest, newest, one


def test_it_resolves_what_matches_and_says_who_did_it_and_why(capsys: Any) -> None:
    add_many(600)
    others = add_many(2, severity="info")
    call_command(
        *("resolve_events", "--severity", "error,critical", "--category=auth", "--yes"),
        *("--reason", "Known outage", "--as", "auto"),
    )
    assert "600 resolved." in capsys.readouterr().out
    assert unresolved() == others
    action = EventAction.objects.all()[0]
    assert action.actor.startswith(f"{getpass.getuser()}@")
    assert (action.actor_kind, action.face, action.reason) == ("auto", "command", "Known outage")


def test_it_reopens_likewise_also_by_ids(capsys: Any) -> None:
    ids = add_many(10)
    SystemEvent.objects.all().resolve(by=COLLEAGUE)
    call_command("reopen_events", "--ids", f"{ids[0]},{ids[1]},{ids[9] + 1}", "--yes")
    assert "2 of 3 would be reopened." in capsys.readouterr().out
    call_command("reopen_events", "--resolved-by=human", "--yes")
    assert "8 reopened." in capsys.readouterr().out
    assert unresolved() == ids


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--yes"], "--all"),
        (["--all", "--ids=1"], "--all"),
        (["--severity=eror", "--yes"], "--severity: “eror” is not one of"),
        (["--q=severity:eror", "--yes"], "--q: At character 10"),
        (["--since=yesterday", "--yes"], "--since: “yesterday” is not a time"),
        (["--job=4711"], "There is no job 4711"),
        (["--ids=1,x"], "ids between commas"),
    ],
)
def test_what_cannot_be_understood_changes_nothing(arguments: list[str], said: str) -> None:
    add_many(1)
    with pytest.raises(CommandError, match=said):
        call_command("resolve_events", *arguments)
    assert len(unresolved()) == 1


def test_it_asks_first_and_takes_silence_for_no() -> None:
    add_many(3)
    for answer, code in (("", 1), ("n\n", 1), ("y\n", 0)):
        assert len(unresolved()) == 3
        process = command("--all", stdin=subprocess.PIPE)
        out, err = process.communicate(answer, timeout=60)
        assert "Resolve 3? [y/N]" in out
        assert process.returncode == code, err
    assert unresolved() == []


def test_ctrl_c_stops_between_chunks_and_says_how_to_go_on() -> None:
    ids = add_many(300)
    terminal, end = pty.openpty()
    with psycopg.connect(database.connection_string()) as other:
        other.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [ids[200]])
        process = command("--all", "--yes", stderr=end)
        os.close(end)
        eventually(lambda: unresolved() == ids[200:])
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    job = BulkJob.objects.get()
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert (job.state, job.changed, process.returncode) == ("stopped", 200, 130)
    assert "█" in shown and "200 resolved" in shown
    assert f"Go on with: manage.py resolve_events --job {job.pk}" in shown
    assert unresolved() == ids[200:]
    process = command("--job", str(job.pk))
    out, err = process.communicate(timeout=60)
    assert "300 resolved." in out, err
    assert unresolved() == []


def test_a_job_that_another_runs_is_watched_to_its_end() -> None:
    ids = add_many(300)
    job = make_job()
    with psycopg.connect(database.connection_string()) as other:
        other.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [ids[200]])
        first = command("--job", str(job.pk))
        eventually(lambda: unresolved() == ids[200:])
        second = command("--job", str(job.pk))
        with pytest.raises(subprocess.TimeoutExpired):
            second.communicate(timeout=3)
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert out == "300 resolved.\n", err


def test_a_killed_runner_loses_nothing_and_repeats_nothing() -> None:
    ids = add_many(300)
    job = make_job()
    with psycopg.connect(database.connection_string()) as other:
        other.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [ids[200]])
        killed = command("--job", str(job.pk))
        eventually(lambda: unresolved() == ids[200:])
        killed.kill()
        killed.communicate()
    job.refresh_from_db()
    assert (job.state, job.changed) == ("running", 200)
    out, err = command("--job", str(job.pk)).communicate(timeout=60)
    assert out == "300 resolved.\n", err
    job.refresh_from_db()
    assert (job.state, job.changed) == ("done", 300)
    assert recorded() == ids
