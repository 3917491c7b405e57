"""Ending a long command between two of its transactions."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import CommandError

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
def stopped_by_signals() -> Iterator[Stop]:
    """Yield what a SIGINT or SIGTERM makes true, where else it would end the process."""
    stop = Stop()
    before = {number: signal.signal(number, stop.ask) for number in STOPPING}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
