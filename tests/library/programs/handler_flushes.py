"""A signal handler that emits, flushes and emits."""

from typing import Any

import handling
from noting import noted

from sovi import events

handled = 0
is_handling = False


def handle(number: int, frame: Any) -> None:
    global handled, is_handling
    if not is_handling:
        is_handling = True
        handled += 1
        noted(f"before/{handled}")
        events.flush(timeout=0.01)
        noted(f"after/{handled}")
        is_handling = False


noted("first")
handling.start(0.002, handle)
number = 0
while handled < 100:
    number += 1
    noted(f"main/{number}")
handling.stop()
