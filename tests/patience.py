"""Waiting for conditions, within a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

PATIENCE_SECONDS = 60
SLACK_SECONDS = 5.0
"""What a busy machine may add to a bound that is promised."""

Answer = TypeVar("Answer")


def eventually(
    condition: Callable[[], Answer],
    what: Callable[[], object] | str = "it did not come true",
    seconds: float = PATIENCE_SECONDS,
) -> Answer:
    """Wait until the condition holds, and return its answer.

    Fails with `what`, or what that returns then, if it never does. An AssertionError of the
    condition counts as not yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := condition():
                return answer
        except AssertionError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
