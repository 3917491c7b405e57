"""Names of devices and accounts made comparable: as they are typed, not as they are encoded."""

import re
import unicodedata

from django.db.models import Expression, F, Q, TextField
from django.db.models.functions import Cast, Collate, Lower
from django.db.models.lookups import Contains, Regex

_APOSTROPHES = (
    "`\u00b4\u02b9\u02bb\u02bc\u02c8\u055a\u05f3\u2018\u2019\u201b\u2032\ua78c\uff07\uff40"
)
_QUOTES = "\u00ab\u00bb\u05f4\u201c\u201d\u201e\u201f\u2033\uff02"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
# Of an "I" in Turkish, too: who types may have another keyboard than who named the thing.
_SAME = str.maketrans(
    dict.fromkeys(_APOSTROPHES, "'")
    | dict.fromkeys(_QUOTES, '"')
    | dict.fromkeys(_DASHES, "-")
    | {"\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)
_DOTTED = "i\N{COMBINING DOT ABOVE}"
_AROUND_SLASH = re.compile(" ?/ ?")
_ODD = "[^ -~]|`|  |^ | $|/ | /"
"""What names hold whose folding is more than ASCII's lower case: only Python does it, for no
locale of PostgreSQL folds every script, and `devices` and `accounts` have no index of ours."""


def folded(name: str) -> str:
    """Return the same text for what people take for the same name.

    Apostrophes, quotes, dashes and spaces of every kind are alike, accents composed or not, cases
    of every script; what draws nothing is left out.
    """
    # Before the normal form, which makes of an acute accent a space and another.
    text = unicodedata.normalize("NFKC", name.translate(_SAME)).casefold().replace(_DOTTED, "i")
    seen = (c for c in unicodedata.normalize("NFKC", text) if not _draws_nothing(c))
    return _AROUND_SLASH.sub("/", " ".join("".join(seen).split()))


def _draws_nothing(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


def may_hold(name: Expression, text: str) -> Q:
    """The rows whose name may hold a folded text: all that do, and those that Python must judge."""
    return holds_ascii(name, text) | Q(must_be_folded(name))


def holds_ascii(name: Expression, text: str) -> Q:
    # In no locale: a Turkish one has another "i".
    return Q(Contains(Lower(Collate(name, "C")), text))


def must_be_folded(name: Expression) -> Regex:
    return Regex(name, _ODD)


def as_text(column: str) -> Expression:
    return Cast(F(column), TextField())  # it may be an enum there
