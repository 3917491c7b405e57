"""The benches of tables run and print their figures; how quick the machine is proves nothing."""

import re
import subprocess
import sys

import pytest

from bench.scratch import ROOT
from sovi import events


def bench(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.django_db(transaction=True)
def test_fill_makes_the_rows_it_was_asked_for_and_drops_them_again() -> None:
    printed = bench("fill", "--rows", "3000")
    assert re.search(r"^system_events +\d+ kB +3,000$", printed, re.MULTILINE), printed
    assert "sovi_events_kind" in printed
    assert events.get_events() == []


@pytest.mark.django_db(transaction=True)
def test_inserts_are_measured_index_by_index() -> None:
    printed = bench("insert", "--quick")
    for row in ("kind, COPY of 20", "message, one by one", "all, COPY of 20"):
        assert re.search(rf"^{row} .* \d+\.\d\dx ", printed, re.MULTILINE), printed


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["read", "admin"])
def test_pages_are_measured_at_two_sizes_of_the_table(name: str) -> None:
    printed = bench(name, "--quick")
    pages = re.findall(r"^\S.* \(\d+/\d+ rows\) .* \d+\.\d\dx +\d+\.\d\dx$", printed, re.MULTILINE)
    assert len(pages) >= 4, printed


@pytest.mark.django_db(transaction=True)
def test_requests_over_http_are_measured_beside_the_bare_application_and_another_checkout() -> None:
    printed = bench("http", "--quick", "--before", str(ROOT))
    time, ratio = r" +[\d,.]+ ms [\d,]+/s", r" +\d+\.\d\dx \(\d+\.\d\d to \d+\.\d\d\)"
    for name in ("list of 50", "device + severity", "POST of one", "resolve", "/healthz"):
        row = rf"^{re.escape(name)}, 8 clients{time}({time}{ratio}){{2}}$"
        assert re.search(row, printed, re.MULTILINE), printed
    for name in ("admin's list", "overview"):
        assert re.search(rf"^{name}, 1 client{time}{time}{ratio}$", printed, re.MULTILINE), printed
    assert re.search(rf"^p95 +[\d,.]+ ms +[\d,.]+ ms{ratio}$", printed, re.MULTILINE), printed
    assert events.get_events() == []
