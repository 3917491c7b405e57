"""What is old is deleted, by age and severity, a little at a time."""

import io
import os
import pty
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import crowd
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from events.models import EventAction, SystemEvent
from events.models.actor import Actor
from events.retention import pruning
from events.retention.policy import Policy
from events.retention.pruning import count_due, one_at_a_time, prune
from events.times import parse_duration
from sovi_events import database

ROOT = Path(__file__).resolve().parent.parent.parent
NOW = timezone.now()


def add(count: int = 1, *, days_old: float, severity: str = "info", **columns: object) -> None:
    """Store events of one time, as a program does that writes many in a transaction."""
    SystemEvent.objects.bulk_create(
        SystemEvent(
            timestamp=NOW - timedelta(days=days_old),
            severity=severity,
            category="auth",
            event_type="x",
            message=f"{severity} {days_old}",
            **columns,
        )
        for _ in range(count)
    )


def left() -> Counter[str]:
    return Counter(SystemEvent.objects.values_list("message", flat=True))


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("prune_events", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


# -- Saying how long ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        (" 12h ", timedelta(hours=12)),
        ("2w", timedelta(weeks=2)),
        ("15m", timedelta(minutes=15)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "90", "d", "1.5d", "-1d", "1 d", "1y", "٣d", "999999999w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration|calendar"):
        parse_duration(text)


def test_a_policy_names_ages_by_severity() -> None:
    policy = Policy.parse("info=30d, warning=12h,critical=never,")
    assert policy == Policy({"info": timedelta(days=30), "warning": timedelta(hours=12)})
    assert Policy.parse("") == Policy({})


@pytest.mark.parametrize(
    "text", ["30d", "info", "info=", "info=30", "fatal=1d", "info=1d,info=never", "info=0d"]
)
def test_a_malformed_policy_is_refused_where_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        Policy.parse(text)
    refused = subprocess.run(
        [sys.executable, "manage.py", "prune_events", "--policy"],
        cwd=ROOT,
        env=os.environ | {"SOVI_RETENTION": text},
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith('error: Environment variable "SOVI_RETENTION" invalid')


# -- What is deleted ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_is_older_is_deleted_and_nothing_else() -> None:
    for days_old in (89, 91, 400):
        add(days_old=days_old)
        add(days_old=days_old, severity="error")
    assert run("--older-than", "90d", "--severity", "info") == ("Deleted 2 events.\n", "")
    assert left() == Counter(["info 89", "error 89", "error 91", "error 400"])
    assert run("--older-than", "90d") == ("Deleted 2 events.\n", "")
    assert left() == Counter(["info 89", "error 89"])
    assert run("--older-than", "90d") == ("Deleted 0 events.\n", "")


@pytest.mark.django_db
def test_unresolved_events_can_be_kept() -> None:
    for resolved in (True, False, None):
        add(days_old=9, resolved=resolved)
    assert run("--older-than", "1w", "--keep-unresolved")[0] == "Deleted 1 events.\n"
    assert not SystemEvent.objects.resolved().exists()
    assert SystemEvent.objects.count() == 2


@pytest.mark.django_db
def test_a_policy_deletes_each_severity_at_its_age_in_silence() -> None:
    for severity in ("info", "error", "critical", "of another program"):
        for days_old in (10, 40, 400):
            add(days_old=days_old, severity=severity)
    policy = Policy.parse("info=30d,error=365d,critical=never")
    with override_settings(SOVI_RETENTION=policy):
        assert run("--policy", "--dry-run")[0] == "Would delete 3 events.\n"
        assert run("--policy") == ("", "")
        assert run("--policy") == ("", "")
    kept = Counter(f"critical {n}" for n in (10, 40, 400))
    kept += Counter(f"of another program {n}" for n in (10, 40, 400))
    assert left() == kept + Counter(["info 10", "error 10", "error 40"])
    assert run("--policy") == ("", "")  # by default everything is kept
    assert sum(left().values()) == 9


@pytest.mark.django_db
def test_a_crowd_of_one_moment_is_deleted_in_several_transactions() -> None:
    add(2500, days_old=9)
    add(1200, days_old=9, severity="error")
    add(300, days_old=8)
    chunks = list(prune(Policy({"info": timedelta(days=7)}), NOW))
    deleted = [0, *(chunk.deleted for chunk in chunks)]
    steps = [after - before for before, after in zip(deleted, deleted[1:], strict=False)]
    assert sum(steps) == 2800
    assert max(steps) <= pruning.MOST_ROWS and steps[0] == pruning.FIRST_ROWS
    assert left() == Counter({"error 9": 1200})


def rows_read() -> int:
    """Rows of events read in this transaction, along indexes or not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'system_events'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.django_db
def test_rows_are_read_once_even_if_the_table_was_analysed_when_it_was_empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE system_events CASCADE")  # with what tests before left in its files
        cursor.execute("ANALYZE system_events")
    add(5000, days_old=9)
    before = rows_read()
    assert list(prune(Policy({None: timedelta(days=7)}), NOW))[-1].deleted == 5000
    # To find the end of a window, and to lock its rows: 10,000, once 10,002 on a busy machine.
    # Read anew in every transaction they were 139,255 for 20,000.
    assert rows_read() - before <= 2 * 5000 + 100


@pytest.mark.django_db
def test_the_record_of_who_resolved_an_event_outlives_it() -> None:
    add(days_old=9)
    SystemEvent.objects.resolve(by=Actor("ada", "human", "admin"))
    run("--older-than", "1d")
    assert not SystemEvent.objects.exists()
    assert EventAction.objects.get().actor == "ada"


@pytest.mark.django_db(transaction=True)
def test_an_event_that_somebody_is_changing_is_left_for_the_next_run() -> None:
    add(3, days_old=9)
    with psycopg.connect(**database.parameters()) as other:
        other.execute("SELECT id FROM system_events ORDER BY id LIMIT 1 FOR UPDATE")
        assert run("--older-than", "1d")[0] == "Deleted 2 events.\n"
    assert run("--older-than", "1d")[0] == "Deleted 1 events.\n"


@pytest.mark.django_db
def test_a_dry_run_counts_to_a_bound_then_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "COUNT_SECONDS", 60)  # the bound on time is no part of this
    add(300, days_old=9)
    policy = Policy({None: timedelta(days=1)})
    assert count_due(policy, NOW) == (300, True)
    assert run("--older-than", "1d", "--dry-run")[0] == "Would delete 300 events.\n"
    crowd.rows(
        "INSERT INTO system_events (timestamp, category, severity, event_type, message)"
        " SELECT now() - interval '5 days', 'auth', 'info', 'x', 'x'"
        " FROM generate_series(1, 20000)"
    )
    crowd.rows("ANALYZE system_events")
    rows, exact = count_due(policy, NOW)
    assert not exact and 15_000 < rows < 25_000
    assert run("--older-than", "1d", "--dry-run")[0].startswith("Would delete about 2")
    assert SystemEvent.objects.count() == 20_300


# -- How it is run --------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--older-than", "soon"],
        ["--older-than", "1d", "--policy"],
        ["--policy", "--severity", "info"],
        ["--policy", "--keep-unresolved"],
    ],
)
def test_it_deletes_nothing_when_not_told_clearly(arguments: list[str]) -> None:
    add(days_old=9)
    with pytest.raises(CommandError):
        run(*arguments)
    assert SystemEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_only_one_process_prunes_at_a_time() -> None:
    add(days_old=9)
    held = psycopg.connect(**database.parameters(), autocommit=True)
    held.execute("SELECT pg_advisory_lock(%s)", [pruning._ONE_AT_A_TIME])
    with pytest.raises(CommandError, match="Another process"):
        run("--older-than", "1d")
    with override_settings(SOVI_RETENTION=Policy.parse("info=1d")):
        assert run("--policy") == ("", "")
    assert SystemEvent.objects.count() == 1
    held.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and SystemEvent.objects.exists():
        with one_at_a_time() as alone:
            if alone:
                list(prune(Policy({None: timedelta(days=1)}), NOW))
    assert not SystemEvent.objects.exists()


def start(*arguments: str, **files: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "prune_events", *arguments], cwd=ROOT, **files
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_between_transactions_and_the_next_run_goes_on(
    number: signal.Signals,
) -> None:
    crowd.rows(
        "INSERT INTO system_events (timestamp, category, severity, event_type, message)"
        " SELECT now() - interval '5 days', 'auth', 'info', 'x', 'x'"
        " FROM generate_series(1, 60000)"
    )
    process = start("--older-than", "1d", stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    while SystemEvent.objects.count() == 60_000:
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    left_over = SystemEvent.objects.count()
    assert 0 < left_over < 60_000
    assert errors.decode() == (
        f"CommandError: Stopped after {60_000 - left_over:,} events; run it again to go on.\n"
    )
    again = start("--older-than", "1d", stdout=subprocess.PIPE)
    assert again.communicate(timeout=30)[0].decode() == f"Deleted {left_over:,} events.\n"
    assert again.returncode == 0


@pytest.mark.django_db(transaction=True)
def test_progress_is_shown_on_a_terminal_only() -> None:
    add(30, days_old=9)
    ours, theirs = pty.openpty()
    process = start("--older-than", "1d", stdout=subprocess.DEVNULL, stderr=theirs)
    assert process.wait(timeout=30) == 0
    os.close(theirs)
    assert b"\rDeleted 30 events, up to " in os.read(ours, 4096)
    os.close(ours)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_long() -> None:
    """Statements and commits of each chunk, over enough rows that they are as large as they get."""
    chance = random.Random(0)
    for _ in range(10):
        crowd.add(chance, 3000, crowd.devices(2))
    lengths, began = [], time.monotonic()
    for _ in prune(
        Policy({None: timedelta(hours=1)}), crowd.START + timedelta(days=crowd.DAYS + 1)
    ):
        lengths.append(time.monotonic() - began)
        began = time.monotonic()
    assert len(lengths) > 5
    # The machine may stop us now and then.
    assert sorted(lengths)[len(lengths) // 2] < 0.25
    assert not SystemEvent.objects.exists()
