"""How far something is, in a line of a terminal."""

import sys
import time
from typing import Self, TextIO

WIDTH = 30
LINE_SECONDS = 10.0


class ProgressBar:
    """Redraws its line in a terminal; elsewhere, in a log, adds one every ten seconds."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._due = time.monotonic() + LINE_SECONDS
        self._drawn = False

    def show(self, share: float, text: str) -> None:
        """Show a share from 0 to 1, and what has come of it."""
        if self._is_terminal:
            full = int(share * WIDTH)
            bar = "█" * full + "·" * (WIDTH - full)
            self._stream.write(f"\r{bar} {share:4.0%}  {text}\033[K")
            self._drawn = True
        elif time.monotonic() >= self._due:
            self._stream.write(f"{share:.0%}  {text}\n")
            self._due = time.monotonic() + LINE_SECONDS
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._drawn:
            self._stream.write("\n")
            self._stream.flush()
