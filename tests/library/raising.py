"""What a signal handler may do at any line: raise in the middle of the library's code."""

import os
import sys
from types import FrameType
from typing import Any

import sovi_events

OURS = os.path.dirname(sovi_events.__file__)


def raise_at(point: int) -> None:
    """Raise at that line of the library's, counted from now on, that this thread comes to."""
    left = point

    def interrupt(frame: FrameType, what: str, argument: object) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        if what == "line":
            if not left:
                sys.settrace(None)
                raise KeyboardInterrupt
            left -= 1
        return interrupt

    sys.settrace(interrupt)
