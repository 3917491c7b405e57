"""Waiting for conditions, within a bound."""

import time
from collections.abc import Callable

import pytest

PATIENCE_SECONDS = 60


def eventually(
    condition: Callable[[], object],
    what: Callable[[], object] | str,
    seconds: float = PATIENCE_SECONDS,
) -> None:
    """Wait until the condition holds; fail with `what`, or what it returns then, if it never does.

    An AssertionError of the condition counts as not yet.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except AssertionError:
            pass
        if time.monotonic() > deadline:
            pytest.fail(f"Not within {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)
