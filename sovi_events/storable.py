"""Values made storable: what a producer may send and PostgreSQL's text and jsonb refuse.

Nothing is refused for its content. NUL becomes ␀, a lone surrogate U+FFFD, NaN and infinities their
names; objects become their text; what is too large is cut, visibly.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from enum import Enum
from os import PathLike, fspath
from typing import Any

MESSAGE_BYTES = 8 * 1024
CONTEXT_BYTES = 64 * 1024
MAX_DEPTH = 20
MAX_NODES = 40_000
"""More values than a context's bytes can hold: bounds the work on what will be cut anyway."""
MAX_CHARACTERS = 1024 * 1024
"""The same for texts: one that stands in many places is counted in each."""
NODES_FOR_ENTRIES = 1000
"""What the values of some entries can't use up, so that the entries after them are kept."""
SHORT_TEXT = 200
MAX_INTEGER_BITS = 4096
TRUNCATED_KEY = "_truncated"
MARK = "…"

PLAIN_CHARACTERS = 1000
_TEXT = frozenset({str})
_PLAIN = frozenset({str, int, float, bool, type(None)})
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable_text(text: str) -> str:
    """Return `text` as PostgreSQL can store it."""
    # A subclass's own methods are passed over, and psycopg wants one type in an array.
    plain = str.__str__(text)
    if plain.isascii() and "\x00" not in plain:
        return plain
    return _UNSTORABLE.sub(lambda found: "␀" if found[0] == "\x00" else "\ufffd", plain)


def storable_message(text: str) -> str:
    """Return `text` storable and at most 8 KB of UTF-8, with a mark where it was cut."""
    return _cut(storable_text(text), MESSAGE_BYTES)


def shown(value: object) -> str:
    """Return a short repr for an error message; it never fails itself."""
    return _described(repr, value)[:80]


def as_text(value: object) -> str:
    """Return the object as text, storable, of any length; it never fails itself."""
    # UUIDs and decimals have a `str` of their own; most others only have a repr.
    return _described(str if _has_own_str(value) else repr, value)


def storable_context(context: Mapping[Any, Any]) -> str:
    """Return `context` as JSON of at most 64 KB; what was cut is named under `_truncated`."""
    if (encoded := _plain(context)) is not None:
        return encoded
    items = _Jsonable().mapping(context, MAX_DEPTH)
    encoded = _dump(items)
    size = len(encoded.encode())
    return encoded if size <= CONTEXT_BYTES else _dump(_fitted(items, size))


def _plain(context: Mapping[Any, Any]) -> str | None:
    """Return a short and flat context, as nearly all are, as JSON; None where it takes more."""
    if type(context) is not dict or not _TEXT.issuperset(map(type, context)):
        return None
    if not _PLAIN.issuperset(map(type, context.values())):
        return None
    try:
        encoded = _dump(context)
    except (ValueError, RuntimeError):  # NaN, a huge integer; changed by another thread
        return None
    # Too short for anything that has a bound of its own.
    if len(encoded) > PLAIN_CHARACTERS or "\\u0000" in encoded:
        return None
    return encoded if encoded.isascii() or not _UNSTORABLE.search(encoded) else None


class _Jsonable:
    """Turns values into what JSON has, within a budget of depth, of nodes and of characters."""

    def __init__(self) -> None:
        self.nodes = MAX_NODES
        self.characters = MAX_CHARACTERS

    def value(self, value: Any, depth: int) -> Any:
        """Return what JSON has for `value`; whatever its own code raises, the event is stored."""
        try:
            return self._value(value, depth)
        except Exception as error:
            return f"<{type(value).__name__}: {type(error).__name__}>"

    def mapping(self, mapping: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        try:
            for key, value in mapping.items():
                if not self._spend(depth):
                    made[MARK] = MARK
                    break
                name = self._key(key)
                made[name] = self.value(value, depth - 1)
        except Exception as error:  # another thread may be changing it
            made[MARK] = f"<{type(mapping).__name__}: {type(error).__name__}>"
        return made

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, Enum):
            return self.value(value.value, depth)
        if isinstance(value, str):
            return self._text(value)
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
            return self._items(value, depth)
        if isinstance(value, Set):
            return _sorted(self._items(value, depth))
        return self._other(value, depth)

    def _key(self, key: Any) -> str:
        made = self.value(key, 2)
        return made if isinstance(made, str) else _dump(made)

    def _text(self, text: str) -> str:
        if self.characters <= 0 and len(text) > SHORT_TEXT:
            return MARK
        text = storable_text(text)
        self.characters -= len(text)
        return text

    def _items(self, items: Iterable[Any], depth: int) -> list[Any]:
        made: list[Any] = []
        for item in items:
            if not self._spend(depth):
                made.append(MARK)
                break
            made.append(self.value(item, depth - 1))
        return made

    def _other(self, value: Any, depth: int) -> Any:
        if isinstance(value, BaseException):
            return {"type": type(value).__name__, "message": self._text(_described(str, value))}
        if isinstance(value, date | time):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, PathLike):
            return self.value(fspath(value), depth)
        if isinstance(value, bytes | bytearray | memoryview):
            return self._text(bytes(value).decode("utf-8", "replace"))
        if is_dataclass(value) and not isinstance(value, type):
            held = {field.name: getattr(value, field.name, MARK) for field in fields(value)}
            return self.mapping(held, depth)
        return self._text(as_text(value))

    def _spend(self, depth: int) -> bool:
        self.nodes -= 1
        return self.nodes >= (0 if depth == MAX_DEPTH else NODES_FOR_ENTRIES)


def _has_own_str(value: object) -> bool:
    return any("__str__" in vars(kind) for kind in type(value).__mro__[:-1])


def _described(how: Callable[[Any], str], value: object) -> str:
    """Return the object as text; its own code may fail, the event must not."""
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
        fitting, cost = value, _cost(key, value)
        if cost > room:
            cut.append(key)
            limit = room // 2  # leave some for what follows
            while isinstance(value, str) and cost > room and limit > 100:
                fitting = _cut(value, limit)
                cost = _cost(key, fitting)
                limit //= 2  # control characters cost six bytes each
        if cost <= room:
            kept[key] = fitting
            room -= cost
    names = ", ".join(_cut(key, 60) for key in cut[:20]) + (", …" if len(cut) > 20 else "")
    kept[TRUNCATED_KEY] = f"{size} bytes, more than {CONTEXT_BYTES}; cut: {_cut(names, 600)}"
    return kept


def _cost(key: str, value: Any) -> int:
    return len(_dump({key: value}).encode())


def _cut(text: str, limit_bytes: int) -> str:
    if len(text) <= limit_bytes // 4:  # a character is four bytes at most
        return text
    encoded = text.encode()
    if len(encoded) <= limit_bytes:
        return text
    mark = f" {MARK} [cut, {len(encoded)} bytes]".encode()
    kept = encoded[: max(0, limit_bytes - len(mark))].decode("utf-8", "ignore")
    return kept + mark.decode()


_dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
