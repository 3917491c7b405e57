"""What one thread waits for and any other rings, though signal handlers may raise amid either.

`threading.Event` and `Semaphore` take a lock of their own in Python code: an exception that a
handler raises there leaves it taken, and whoever comes next waits for ever.
"""

import threading
from contextlib import suppress


class Bell:
    """Rung once or many times, it is heard once."""

    __slots__ = ("_silent",)

    def __init__(self) -> None:
        self._silent = threading.Lock()
        self._silent.acquire()

    def ring(self) -> None:
        with suppress(RuntimeError):  # it rings already
            self._silent.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it rings, at most so long; return whether it did."""
        return self._silent.acquire(timeout=seconds)

    def hush(self) -> None:
        """Forget that it rang."""
        self._silent.acquire(blocking=False)
