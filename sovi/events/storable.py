"""Values made storable: what a producer may send and PostgreSQL's text and jsonb refuse.

Nothing is refused for its content. NUL becomes ␀, a lone surrogate U+FFFD, NaN and infinities their
names; objects become what they say of themselves; what is too large is cut, visibly.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from os import PathLike, fspath
from typing import Any

MESSAGE_BYTES = 8 * 1024
CONTEXT_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_NODES = 40_000
"""More values than a context's bytes can hold: bounds the work on what will be cut anyway."""
MAX_INTEGER_BITS = 4096
TRUNCATED_KEY = "_truncated"
MARK = "…"

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable_text(text: str) -> str:
    """Return `text` as PostgreSQL can store it."""
    return _UNSTORABLE.sub(lambda found: "␀" if found[0] == "\x00" else "\ufffd", text)


def storable_message(text: str) -> str:
    """Return `text` storable and at most 8 KB of UTF-8, with a mark where it was cut."""
    return _cut(storable_text(text), MESSAGE_BYTES)


def storable_context(context: Mapping[Any, Any]) -> str:
    """Return `context` as JSON of at most 64 KB; what was cut is named under `_truncated`."""
    items = _Jsonable().mapping(context, MAX_DEPTH)
    encoded = _dump(items)
    size = len(encoded.encode())
    return encoded if size <= CONTEXT_BYTES else _dump(_fitted(items, size))


class _Jsonable:
    """Turns values into what JSON has, within a budget of depth and of nodes."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES

    def value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.value(value.value, depth)
        if isinstance(value, str):
            return storable_text(value)
        if isinstance(value, int):
            # Python refuses to print a longer one.
            return value if value.bit_length() <= MAX_INTEGER_BITS else f"{value:#x}"[:1000] + MARK
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if depth == 0:
            return MARK
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, list | tuple):
            return self.items(value, depth)
        if isinstance(value, Set):
            return _sorted(self.items(value, depth))
        return self.other(value, depth)

    def mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in mapping.items():
            if not self._spend():
                made[MARK] = MARK
                break
            made[str(self.value(key, 0))] = self.value(value, depth - 1)
        return made

    def items(self, items: Iterable[Any], depth: int) -> list[Any]:
        made: list[Any] = []
        for item in items:
            if not self._spend():
                made.append(MARK)
                break
            made.append(self.value(item, depth - 1))
        return made

    def other(self, value: Any, depth: int) -> Any:
        if isinstance(value, BaseException):
            return {"type": type(value).__name__, "message": _said(str, value)}
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, PathLike):
            return self.value(fspath(value), depth)
        if isinstance(value, bytes | bytearray | memoryview):
            return storable_text(bytes(value).decode("utf-8", "replace"))
        if is_dataclass(value) and not isinstance(value, type):
            return (
                self.mapping(vars(value), depth)
                if hasattr(value, "__dict__")
                else _said(repr, value)
            )
        # UUIDs and decimals say it best in their own words; most others only have a repr.
        return _said(str if _has_own_words(value) else repr, value)

    def _spend(self) -> bool:
        self.nodes -= 1
        return self.nodes >= 0


def _has_own_words(value: object) -> bool:
    return any("__str__" in vars(kind) for kind in type(value).__mro__[:-1])


def _said(how: Callable[[Any], str], value: object) -> str:
    """Return what the object says of itself; its own code may fail, the event must not."""
    try:
        return storable_text(how(value))
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__} in {how.__name__}()>"


def _sorted(items: list[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:
        return items


def _fitted(items: dict[str, Any], size: int) -> dict[str, Any]:
    """Keep entries in their order while they fit; shorten long texts, name what was cut."""
    kept: dict[str, Any] = {}
    cut: list[str] = []
    room = CONTEXT_BYTES - 4096  # the rest is for the mark and the names in it
    for key, value in items.items():
        cost = _cost(key, value)
        if cost > room:
            cut.append(key)
            limit = room - len(key)
            while isinstance(value, str) and cost > room and limit > 100:
                value = _cut(value, limit)
                cost = _cost(key, value)
                limit //= 2  # control characters cost six bytes each
        if cost <= room:
            kept[key] = value
            room -= cost
    names = ", ".join(_cut(key, 60) for key in cut[:20]) + (", …" if len(cut) > 20 else "")
    kept[TRUNCATED_KEY] = f"{size} bytes, more than {CONTEXT_BYTES}; cut: {names}"
    return kept


def _cost(key: str, value: Any) -> int:
    return len(_dump({key: value}).encode())


def _cut(text: str, limit_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    mark = f" {MARK} [cut, {len(encoded)} bytes]".encode()
    kept = encoded[: max(0, limit_bytes - len(mark))].decode("utf-8", "ignore")
    return kept + mark.decode()


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
