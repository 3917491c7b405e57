"""Long commands: they show how far they are, and end between two of their transactions."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

from django.core.management.base import BaseCommand, CommandError

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether a signal has asked to stop."""

    def __init__(self) -> None:
        self._number = 0

    def __bool__(self) -> bool:
        return self._number > 0

    def error(self, message: str) -> CommandError:
        """Return what ends the command with the exit code of the signal: 128 and its number."""
        return CommandError(message, returncode=128 + self._number)

    def ask(self, number: int, frame: FrameType | None) -> None:
        if self:
            sys.exit(128 + number)  # a second one won't wait
        self._number = number


@contextmanager
def stopped_by_signals(numbers: Iterable[signal.Signals] = STOPPING) -> Iterator[Stop]:
    """Yield what one of these signals makes true, where else it would end the process."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class LongCommand(BaseCommand):
    """Works through events in small transactions."""

    done: ClassVar[str]
    """What it has done to them: "Deleted"."""

    def run_to_end(self, steps: Iterable[tuple[int, str]], *, quiet: bool = False) -> None:
        """Take the steps; each yields how many events that makes, and how far that is.

        Raises `CommandError` where a signal has stopped it.
        """
        events, shows_progress = 0, not quiet and self.stderr.isatty()
        with stopped_by_signals() as stop:
            for events, reached in steps:
                if shows_progress:
                    self.stderr.write(f"\r{self.done} {events:,} events{reached}", ending="")
                    self.stderr.flush()
                if stop:
                    break
        if shows_progress:
            self.stderr.write("")
        if stop:
            raise stop.error(f"Stopped after {events:,} events; run it again to go on.")
        if not quiet:
            self.stdout.write(f"{self.done} {events:,} events.")
