"""Emit at exit, before and after what the library registered for it."""

import atexit
import sys


def registered_before() -> None:
    noted("registered before")


atexit.register(registered_before)

from noting import noted  # noqa: E402

atexit.register(noted, "registered after")
noted("in time")
sys.exit()
