"""A signal handler that emits while its thread forks."""

import os
import signal
import time
from typing import Any


def interrupt() -> None:
    signal.raise_signal(signal.SIGUSR1)


def handle(number: int, frame: Any) -> None:
    noted(f"handler/{os.getpid()}/{time.time_ns()}")


signal.signal(signal.SIGUSR1, handle)
# Before the library's: so they run last before a fork, and first after it.
os.register_at_fork(before=interrupt, after_in_parent=interrupt, after_in_child=interrupt)

from noting import noted  # noqa: E402

noted("first")
for number in range(3):
    pid = os.fork()
    if not pid:
        noted(f"child/{number}")
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    noted(f"parent/{number}")
