"""A Python traceback, laid out to be read: what was raised, then its frames, the last one first."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from sovi_events.readable import readable

HEADER = re.compile(r"(?:Exception Group )?(?:Traceback|Stack) \(most recent call last\):?$")
_FRAME = re.compile(r'\s+File "(?P<path>.*?)", line (?P<line>\d+)(?:, in (?P<name>.*))?$')
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python3[./\\]|^<frozen ", re.I
)
_IN_GROUP = re.compile(r"^ *[|+] ?")
_DIVIDER = re.compile(r"^ *\+[-+]+[- 0-9.]*[-+]*$")
_LEFT_OUT = "… ["


@dataclass
class TracebackFrame:
    """One call; `code` holds its lines of source, and what points at a part of them."""

    where: str
    is_library: bool
    code: list[str] = field(default_factory=list)

    @property
    def source(self) -> str:
        return "\n".join(self.code)


@dataclass
class Raised:
    """An exception, and how it came to be; `before` says how it follows from the one before."""

    before: str
    frames: list[TracebackFrame] = field(default_factory=list)
    error: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(self.error).strip()

    @property
    def runs(self) -> Iterator[tuple[bool, list[TracebackFrame]]]:
        """The frames, the last one first, in runs of a library's and of others."""
        for is_library, frames in groupby(self.frames[::-1], key=lambda frame: frame.is_library):
            yield is_library, list(frames)


def parse(text: str) -> list[Raised]:
    """Return what was raised, the last first; empty for a text that holds no traceback."""
    found: list[Raised] = []
    between: list[str] = []
    for line in _lines(text):
        if HEADER.match(line.strip()):
            before = _taken_from(found[-1].error) if found else ""
            found.append(Raised(before or " ".join(between).strip()))
            between = []
        elif not found:
            between.append(line)
        elif not found[-1].error and (frame := _FRAME.match(line)):
            where = f"{frame['path']}:{frame['line']}" + (
                f" in {frame['name']}" * bool(frame["name"])
            )
            found[-1].frames.append(TracebackFrame(where, bool(_LIBRARY.search(frame["path"]))))
        elif not found[-1].error and line.startswith(_LEFT_OUT):
            found[-1].frames.append(TracebackFrame(line, False))
        elif not found[-1].error and found[-1].frames and (not line or line[0] == " "):
            found[-1].frames[-1].code.append(line[4:] if line[:4].isspace() else line.strip())
        else:
            found[-1].error.append(line)
    return found[::-1]


def _lines(text: str) -> Iterator[str]:
    is_group = "Exception Group Traceback" in text
    for line in readable(text).split("\n"):
        if is_group and _DIVIDER.match(line):
            continue
        yield _IN_GROUP.sub("", line, count=1) if is_group else line


def _taken_from(error: list[str]) -> str:
    """Take the sentence that leads from one exception to the next off the end of the first."""
    while error and not error[-1].strip():
        error.pop()
    if len(error) > 1 and not error[-2].strip() and error[-1].endswith(":"):
        return error.pop().rstrip(":").strip()
    return ""
