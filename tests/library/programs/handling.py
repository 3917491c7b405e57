"""A signal handler that emits and counts, but not while it handles a signal already."""

import signal
from typing import Any

from noting import noted

handled = 0
_is_handling = False


def handle(number: int, frame: Any) -> None:
    global handled, _is_handling
    if not _is_handling:
        _is_handling = True
        handled += 1
        noted(f"handler/{handled}")
        _is_handling = False


def start(every_seconds: float, handler: Any = handle) -> None:
    """Interrupt this thread again and again."""
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, every_seconds, every_seconds)


def stop() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
