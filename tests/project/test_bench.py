"""The benches run and print ratios; how quick the machine is proves nothing here."""

import os
import re
import subprocess
import sys

import psycopg
import pytest

from bench.comparison import Comparison, Measurement, compare, timed
from bench.scratch import ROOT, scratch_database
from sovi import events
from sovi_events import database


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench", *arguments]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def databases() -> set[str]:
    with psycopg.connect(database.connection_string()) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


def test_benches_are_listed_with_what_they_compare() -> None:
    listed = bench()
    assert listed.returncode == 0
    assert re.search(r"^emit +\w", listed.stdout, re.MULTILINE)


def test_an_unknown_bench_is_refused_with_the_known_ones() -> None:
    refused = bench("nonesuch")
    assert refused.returncode == 2
    assert "nonesuch" in refused.stderr
    assert "emit" in refused.stderr


@pytest.mark.django_db(transaction=True)
def test_the_emit_bench_prints_ratios_and_leaves_nothing_behind() -> None:
    process = subprocess.Popen(
        command("emit", "--quick"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert stderr == ""
    for row in ("emit, 1 thread", "emit, 16 threads", "emit_many(100), COPY", "import"):
        assert re.search(rf"^{re.escape(row)} .* \d+\.\d\dx ", stdout, re.MULTILINE), row
    assert events.get_events() == []
    assert f"bench_emit_{process.pid}" not in databases()


@pytest.mark.django_db(transaction=True)
def test_the_resolve_bench_prints_a_ratio_and_the_longest_transaction() -> None:
    ran = bench("resolve", "--quick")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert re.search(r"^resolve 2,000 .* \d+\.\d\dx ", ran.stdout, re.MULTILINE)
    assert re.search(r"^Longest transaction: \d+ ms, of \d+\.$", ran.stdout, re.MULTILINE)
    assert not any(name.startswith("bench_resolve") for name in databases())


@pytest.mark.django_db(transaction=True)
def test_an_unreachable_server_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:1/sovi")
    failed = bench("emit", "--quick")
    assert failed.returncode == 1
    assert "DATABASE_URL" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.django_db(transaction=True)
def test_a_scratch_database_is_dropped_also_after_an_error() -> None:
    before = database.connection_string()

    def fail() -> None:
        with scratch_database("failing", migrate=False) as url:
            assert database.connection_string() == url != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert database.connection_string() == before
    assert f"bench_failing_{os.getpid()}" not in databases()


def test_a_ratio_is_the_median_of_pairs_taken_in_turns() -> None:
    turns: list[str] = []
    compared = compare(
        "turns",
        lambda: timed(lambda: turns.append("ours")),
        lambda: timed(lambda: turns.append("raw")),
        rounds=3,
    )
    assert turns[2:] == ["ours", "raw", "raw", "ours", "ours", "raw"]
    assert len(compared.ratios) == 3
    ours = [Measurement(seconds, [seconds]) for seconds in (1.0, 2.0, 8.0)]
    raw = [Measurement(1.0, [1.0])] * 3
    assert Comparison("given", ours, raw).ratio == 0.5
