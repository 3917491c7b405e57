"""What a run has done so far: counted by all its threads, said calmly."""

import threading
import time
from collections import Counter

from .storyteller import Moment


class Progress:
    """Counts, and whether the database is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._away_since: float | None = None
        self._severities: Counter[str] = Counter()
        self._resolved = 0

    def told(self, moment: Moment, *, stored: bool) -> None:
        """Count an event, stored or waiting on disk for the database."""
        with self._lock:
            self._severities[moment.severity] += 1
        if stored:
            self._back()
        else:
            self.away()

    def resolved(self) -> None:
        with self._lock:
            self._resolved += 1
        self._back()

    def away(self, why: str = "") -> None:
        """Say once that the database is away."""
        with self._lock:
            if self._away_since is None:
                self._away_since = time.monotonic()
                say(f"The database is away; events wait on disk until it is back. {why}".rstrip())

    def _back(self) -> None:
        with self._lock:
            if self._away_since is not None:
                seconds = time.monotonic() - self._away_since
                self._away_since = None
                say(f"The database is back after {seconds:.0f} s.")

    def status(self, out: list[str]) -> None:
        """Say in one line how it goes; `out` names what is simulated to be out."""
        with self._lock:
            if self._away_since is not None:
                seconds = time.monotonic() - self._away_since
                say(f"The database is away for {seconds:.0f} s now; events wait on disk.")
                return
            failures = self._severities.total() - self._severities["info"]
            say(
                f"{self._rate()}, {failures:,} of them failures, {self._resolved:,} resolved"
                + (f"; out: {', '.join(out)}" if out else "")
            )

    def summary(self) -> None:
        """Say what was done from beginning to end."""
        with self._lock:
            severities = ", ".join(f"{count:,} {name}" for name, count in self._severities.items())
            seconds = time.monotonic() - self._began
            say(
                f"Emitted {self._rate()} in {seconds:.0f} s ({severities or 'nothing'}) "
                f"and resolved {self._resolved:,}."
            )

    def _rate(self) -> str:
        told = self._severities.total()
        return f"{told:,} events at {told / max(time.monotonic() - self._began, 0.001):.1f}/s"


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)
