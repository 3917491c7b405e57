"""A search as it was read. Printed, it reads as itself again."""

import re
from dataclasses import dataclass, field

QUOTES = "“”„"
"""What phones make of the quotes that are typed."""

BARE_VALUE = re.compile(rf'[^\s",{QUOTES}][^\s",]*')
BARE_SEGMENT = re.compile(r'[^\s":<>=,.]+')
_BARE_WORD = re.compile(r"[^\W_][\w/.%@+-]*")


def quoted(text: str) -> str:
    """Return `text` between quotes, with its own quotes and backslashes escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@dataclass(frozen=True)
class Words:
    """A word or a phrase that the message holds, in any case."""

    text: str

    def __str__(self) -> str:
        means_else = self.text in ("OR", "AND", "NOT") or self.text.startswith("context.")
        is_bare = _BARE_WORD.fullmatch(self.text) and not means_else
        return self.text if is_bare else quoted(self.text)


@dataclass(frozen=True)
class Value:
    """What stands after a key; `position` is where, in the text it was read from.

    `is_text` tells `"3"` from `3`, which differ in a context; a column's values never have it.
    """

    text: str
    is_text: bool = False
    position: int = field(default=0, compare=False)

    def __str__(self) -> str:
        bare = not self.is_text and BARE_VALUE.fullmatch(self.text)
        return self.text if bare else quoted(self.text)


@dataclass(frozen=True)
class Column:
    """`key:value,value`: a column holds one of the values."""

    key: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.key}:{','.join(map(str, self.values))}"


@dataclass(frozen=True)
class Context:
    """`context.a.b:value,value` or `context.a.b>number`: what stands at a path of the context.

    `operator` is ":", ">", ">=", "<" or "<="; all but the first have one value, a JSON number.
    """

    path: tuple[str, ...]
    operator: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        segments = (it if BARE_SEGMENT.fullmatch(it) else quoted(it) for it in self.path)
        return f"context.{'.'.join(segments)}{self.operator}{','.join(map(str, self.values))}"


@dataclass(frozen=True)
class SearchTerm:
    """One condition, or with `negated` its opposite."""

    what: Words | Column | Context
    negated: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.what}"


@dataclass(frozen=True)
class Search:
    """Terms that must all hold; without any, everything matches."""

    terms: tuple[SearchTerm, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def asks_for(self, *keys: str) -> bool:
        """Whether a term that isn't negated is of one of these columns' keys."""
        return any(
            isinstance(term.what, Column) and term.what.key in keys and not term.negated
            for term in self.terms
        )
