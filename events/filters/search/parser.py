"""From the text of a search to its terms: a pure function. The grammar:

query   = term, separated by white space
term    = ["-"] ( word | quoted | "#" digits | key ":" values | path compared )
path    = "context" { "." ( segment | quoted ) }
compared = ":" values | ( ">" | ">=" | "<" | "<=" ) number
values  = value { "," value }        value = bare | quoted
quoted  = '"' ... '"', in which \\" is a quote, \\\\ a backslash, any other backslash itself;
          or “ ... ”, as phones type it
"""

import math
import re
from typing import NoReturn

from .error import SearchError
from .keys import KEYS
from .query import (
    BARE_SEGMENT,
    BARE_VALUE,
    QUOTES,
    Column,
    Context,
    Search,
    SearchTerm,
    Value,
    Words,
)

MAX_TERMS = 50
MAX_PATH = 20
"""As deep as a context that the producers' library stores."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_TYPOGRAPHIC = re.compile(rf"[{QUOTES}]([^{QUOTES}]+)[{QUOTES}](?=[\s,]|\Z)")
_ESCAPED = re.compile(r'\\(["\\])')
_ID = re.compile(r"#(-?\d+)(?!\S)", re.ASCII)
# What can only be meant as one: NOT FOUND is what programs write.
_BETWEEN = re.compile(r"(OR|AND)(?=\s+\S)")
_BEFORE = re.compile(r"(NOT)(?=\s+\S)(?!\s+[A-Z]{2})")
_KEY = re.compile(r"([a-z_][a-z0-9_]*)(:|>=|<=|[<>=])", re.ASCII | re.I)
_OPERATOR = re.compile(r":|>=|<=|>|<")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?", re.ASCII | re.I)


def parse(text: str, *, is_stored: bool = False) -> Search:
    """Read a search. Raises `SearchError`, and nothing else, whatever the text holds.

    In a stored one AND is a word, as it was when that was written.
    """
    return _Reader(text, refuses_operators=not is_stored).query()


def is_number(text: str) -> bool:
    """Whether `text` is a JSON number that is no larger than a float."""
    return bool(_NUMBER.fullmatch(text)) and math.isfinite(float(text))


class _Reader:
    """The text, and how far it has been read."""

    def __init__(self, text: str, *, refuses_operators: bool) -> None:
        self.text = text
        self.refuses_operators = refuses_operators
        self.at = 0

    def query(self) -> Search:
        if found := _UNSTORABLE.search(self.text):
            what = "NUL characters" if found[0] == "\0" else "Unpaired surrogates"
            self.fail(f"{what} are not allowed.", found.start())
        terms: list[SearchTerm] = []
        self.match(_SPACE)
        while self.at < len(self.text):
            if len(terms) == MAX_TERMS:
                self.fail(f"A search has at most {MAX_TERMS} terms.", self.at)
            if self.refuses_operators:
                self.refuse_operator(follows=bool(terms))
            terms.append(self.term())
            self.match(_SPACE)
        return Search(tuple(terms))

    def refuse_operator(self, *, follows: bool) -> None:
        found = follows and _BETWEEN.match(self.text, self.at)
        if found := found or _BEFORE.match(self.text, self.at):
            self.fail(
                f"A search has no {found[1]}: all terms must hold, one of several values is "
                f'type:a,b, and -type:a what must not be. Put quotes around "{found[1]}" to look '
                "for it.",
                self.at,
            )

    def term(self) -> SearchTerm:
        negated = self.take("-")
        if negated and (self.at == len(self.text) or self.text[self.at].isspace()):
            self.fail(
                'After - comes, without a space, what must not match; "-" is the character itself.',
                self.at - 1,
            )
        return SearchTerm(self.condition(), negated)

    def condition(self) -> Words | Column | Context:
        if self.ahead("context."):
            return self.context()
        if self.ahead('"'):
            phrase = self.quoted()
            self.end_of_term()
            return Words(phrase)
        if found := self.match(_TYPOGRAPHIC):
            self.end_of_term()
            return Words(found[1])
        start = self.at
        if found := self.match(_ID):
            return Column("id", (self.checked("id", found[1], start),))
        if (found := _KEY.match(self.text, self.at)) and self.is_key(found[1].lower(), found[2]):
            return self.column(found[1].lower(), found.end())
        return self.word()

    def is_key(self, name: str, operator: str) -> bool:
        if name in KEYS and operator != ":":
            self.fail(f"After {name} comes a colon.", self.at + len(name))
        if name == "context":
            self.fail("Name a key of the context, as in context.platform:tiktok.", self.at)
        if name not in KEYS and operator == ":":
            self.fail(
                f"There is no key “{name}”. Known ones: {', '.join(KEYS)}, context.… "
                "Put quotes around text that holds a colon.",
                self.at,
            )
        return name in KEYS

    def column(self, key: str, values_at: int) -> Column:
        self.at = values_at
        values = self.values(several=KEYS[key].several)
        return Column(key, tuple(self.checked(key, it.text, it.position) for it in values))

    def checked(self, key: str, text: str, position: int) -> Value:
        try:
            return Value(KEYS[key].check(text), position=position)
        except ValueError as error:
            self.fail(str(error), position)

    def context(self) -> Context:
        self.take("context")
        path: list[str] = []
        while self.take("."):
            if len(path) == MAX_PATH:
                self.fail(f"At most {MAX_PATH} levels of nesting are allowed.", self.at - 1)
            path.append(self.segment())
        operator = self.match(_OPERATOR)
        if not operator:
            where = min(self.at, len(self.text) - 1)
            self.fail("After a key of the context comes one of : > >= < <=", where)
        if operator[0] == ":":
            return Context(tuple(path), ":", tuple(self.values()))
        [number] = self.values(several=False)
        if number.is_text or not is_number(number.text):
            self.fail("This must be a number, as in context.likes>3.", number.position)
        return Context(tuple(path), operator[0], (number,))

    def segment(self) -> str:
        if self.ahead('"'):
            return self.quoted()
        found = self.match(BARE_SEGMENT)
        if not found:
            self.fail("After this dot comes a key, as in context.platform:tiktok.", self.at - 1)
        return found[0]

    def values(self, *, several: bool = True) -> list[Value]:
        values = [self.value()]
        while self.ahead(","):
            if not several:
                self.fail("This takes a single value.", self.at)
            self.at += 1
            values.append(self.value())
        self.end_of_term()
        return values

    def value(self) -> Value:
        start = self.at
        if self.ahead('"'):
            return Value(self.quoted(), is_text=True, position=start)
        if found := self.match(_TYPOGRAPHIC):
            return Value(found[1], is_text=True, position=start)
        if any(map(self.ahead, QUOTES)):
            self.fail("The quote that closes this one is missing.", start)
        found = self.match(BARE_VALUE)
        if not found:
            self.fail("After this comes a value, without a space.", start - 1)
        return Value(found[0], position=start)

    def word(self) -> Words:
        found = self.match(_WORD)
        assert found  # noqa: S101 - the caller stands at no space
        if (quote := found[0].find('"')) >= 0:
            self.fail(
                "A quote begins a phrase at the start of a word only. Put the whole between quotes,"
                ' with \\" for a quote.',
                found.start() + quote,
            )
        if found[0].startswith("-"):
            self.fail("One - is enough. Put quotes around text that begins with it.", found.start())
        return Words(found[0])

    def quoted(self) -> str:
        start = self.at
        found = self.match(_QUOTED)
        if not found:
            self.fail(
                'The quote that closes this one is missing; inside, \\" is a quote'
                " and \\\\ a backslash.",
                start,
            )
        if not found[1]:
            self.fail("There is nothing between these quotes.", start)
        return _ESCAPED.sub(r"\1", found[1])

    def end_of_term(self) -> None:
        if self.at < len(self.text) and not self.text[self.at].isspace():
            self.fail("Put a space here, or quotes around the whole.", self.at)

    def ahead(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def take(self, text: str) -> bool:
        taken = self.ahead(text)
        self.at += len(text) if taken else 0
        return taken

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def fail(self, reason: str, position: int) -> NoReturn:
        raise SearchError(reason, self.text, position)
