"""The stream's bench runs and prints its figures; how quick the machine is proves nothing here."""

import re
import subprocess
import sys

import pytest

from bench.scratch import ROOT
from sovi import events


@pytest.mark.django_db(transaction=True)
def test_the_stream_bench_prints_its_figures_beside_the_raw_ones() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "bench", "stream", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    for row in ("commit to client, p50", "commit to client, p99", "deliveries to 10 clients"):
        assert re.search(rf"^{row} .* \d+\.\d\dx \(", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^memory of an idle stream +-?\d+ KB ", ran.stdout, re.MULTILINE), ran.stdout
    assert re.search(r"^queries with 20 clients +\d", ran.stdout, re.MULTILINE), ran.stdout
    assert events.get_events() == []
