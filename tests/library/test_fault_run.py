"""Everything at once: crashes of PostgreSQL, connections cut in mid-reply, producers killed."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy
from killable import Killable
from machine import HERE, Machine
from patience import SLACK_SECONDS, eventually

PROCESSES = 8
THREADS = 4
PAUSE_SECONDS = 0.01
SHORT_CRASHES, FULL_CRASHES = 2, 20
CUT_RATE = 0.02
TIMEOUT_SECONDS = 1.0
DRAIN_SECONDS = 60


class Fleet:
    """The producers of a fault run; each that is killed is replaced by a new one."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._running: list[subprocess.Popen[bytes]] = []
        self._ledgers: list[Path] = []
        self.killed = 0
        for _ in range(PROCESSES):
            self.add()

    def add(self) -> None:
        name = f"producer{len(self._ledgers)}"
        ledger = self._machine.folder / f"{name}.ledger"
        ledger.touch()
        self._ledgers.append(ledger)
        arguments = (name, THREADS, PAUSE_SECONDS, ledger)
        self._running.append(self._machine.start(HERE / "producer_process.py", *arguments))

    def kill_oldest(self) -> None:
        process = self._running.pop(0)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.killed += 1

    def await_events(self, more: int, outcome: str | None = None) -> None:
        """Wait until so many more emits have returned: with an id, with None, or either."""
        before = len(self.answers(outcome))
        eventually(
            lambda: len(self.answers(outcome)) >= before + more,
            lambda: f"{more} more emits; stderr:\n{self._machine.errors()[-3000:]}",
        )

    def answers(self, outcome: str | None = None) -> list[tuple[str, int | None, float]]:
        """What emit returned: message, id or None, seconds."""
        found = []
        for ledger in self._ledgers:
            for line in ledger.read_text().splitlines():
                message, event_id, seconds = line.split()
                if outcome is None or (event_id == "-") == (outcome == "spooled"):
                    found.append(
                        (message, None if event_id == "-" else int(event_id), float(seconds))
                    )
        return found

    def finish(self) -> None:
        for process in self._running:
            assert process.stdin
            process.stdin.close()
        for process in self._running:
            try:
                status = process.wait(30)
            except subprocess.TimeoutExpired:
                pytest.fail(f"A producer does not end:\n{self._machine.end(process)}")
            assert status == 0, self._machine.errors()[-3000:]


@pytest.fixture
def fleet(machine: Machine, proxy: CuttingProxy) -> Iterator[Fleet]:
    machine.variables["SOVI_EMIT_TIMEOUT_SECONDS"] = str(TIMEOUT_SECONDS)
    yield Fleet(machine)


def test_every_event_emit_returned_for_is_stored_once_whatever_dies(
    machine: Machine, killable: Killable, proxy: CuttingProxy, fleet: Fleet, soak: bool
) -> None:
    began = time.monotonic()
    crashes = FULL_CRASHES if soak else SHORT_CRASHES
    chosen = random.Random(7)
    fleet.await_events(500, "stored")
    proxy.cut_rate = CUT_RATE
    for _ in range(crashes):
        fleet.await_events(chosen.randrange(500, 1000), "stored")
        fleet.kill_oldest()
        fleet.add()
        fleet.await_events(chosen.randrange(100), "stored")
        killable.kill()
        fleet.await_events(200, "spooled")
        fleet.kill_oldest()  # what it spooled is for the others to store
        fleet.await_events(chosen.randrange(200), "spooled")
        killable.start()
        fleet.await_events(200, "stored")
        fleet.add()
    fleet.await_events(500, "stored")
    proxy.cut_rate = 0.0
    fleet.finish()
    machine.spool("drain", seconds=DRAIN_SECONDS)
    machine.producer().flush(DRAIN_SECONDS)

    answers = fleet.answers()
    stored = dict(machine.rows("message, id"))
    assert len(machine.rows()) == len(stored), "an event is stored twice"
    lost = [message for message, _, _ in answers if message not in stored]
    assert lost == []
    wrong = [it for it in answers if it[1] not in (None, stored[it[0]])]
    assert wrong == []
    # What was put to the test at all.
    assert fleet.killed == 2 * crashes
    assert proxy.cuts >= 3 * crashes
    spooled = sum(event_id is None for _, event_id, _ in answers)
    assert spooled >= 200 * crashes
    assert len(answers) - spooled >= 1000 + 700 * crashes
    longest = max(seconds for _, _, seconds in answers)
    assert longest < TIMEOUT_SECONDS + SLACK_SECONDS
    print(
        f"{len(answers)} events, {spooled} spooled, {proxy.cuts} cuts, longest emit {longest} s,"
        f" {time.monotonic() - began:.1f} s in all"
    )
