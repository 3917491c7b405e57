"""Events as lines: coloured on a terminal, plain in a pipe, or JSON."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from sovi_events.readable import printable

BOLD, DIM = "1", "2"
COLOURS = {"info": "32", "warning": "33", "error": "31", "critical": "1;31", "action": "36"}


class Printer:
    """Writes each line at once. Raises BrokenPipeError."""

    def __init__(self, output: TextIO, *, as_json: bool) -> None:
        self._output = output
        self._as_json = as_json
        self._coloured = output.isatty() and not os.environ.get("NO_COLOR")

    def event(self, event: Mapping[str, Any]) -> None:
        """Print an event as REST and the stream represent it."""
        if self._as_json:
            self._print(json.dumps(event, ensure_ascii=False))
            return
        severity = event["severity"]
        self._print(
            self._painted(_second(event), DIM),
            self._painted(f"{printable(severity):<8}", COLOURS.get(severity, BOLD)),
            self._painted(printable(f"{event['category']}/{event['event_type']}"), BOLD),
            printable(event["message"]) or "(no message)",
            self._painted(f"#{event['id']}{' resolved' if event['resolved'] else ''}", DIM),
        )

    def action(self, name: str, action: Mapping[str, Any]) -> None:
        """Print who resolved or reopened what; not among JSON objects, which are events."""
        if self._as_json:
            return
        ids = action["ids"]
        which = f"#{ids[0]}" if len(ids) == 1 else f"{len(ids)} from #{min(ids)} to #{max(ids)}"
        reason = f": {action['reason']}" if action["reason"] else ""
        self._print(
            self._painted(_second(action), DIM),
            self._painted(f"{name:<8}", COLOURS["action"]),
            printable(f"{which} by {action['actor']} ({action['actor_kind']}){reason}"),
        )

    def _painted(self, text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self._coloured else text

    def _print(self, *parts: str) -> None:
        print(*parts, sep="  ", file=self._output, flush=True)


def note(line: str) -> None:
    """Print a line for a person, beside the events."""
    print(line, file=sys.stderr, flush=True)


def _second(row: Mapping[str, Any]) -> str:
    return f"{row['timestamp'][:19]}Z"
