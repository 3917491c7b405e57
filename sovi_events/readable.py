"""A text as a screen can draw it: without what colours, moves, hides or turns round other text."""

import re
import unicodedata

# ECMA-48: strings (titles, OSC hyperlinks) up to their end, on one line; control sequences
# (colours, cursor); other escapes. Each begins with ESC or is one 8-bit control.
_TERMINAL = re.compile(
    r"(?:\x1b[PX\]^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f\n]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|\Z)"
    r"|\x1b[ -/]*(?:[0-Z\\^-~]|\Z)"
)
_LINE_END = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
# Of direction: the element that holds the text has one of its own.
_DIRECTION = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# As the pictures that Unicode has of them; those of 8 bits have none.
_PICTURES = (
    {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    | {0x7F: "\N{SYMBOL FOR DELETE}"}
    | dict.fromkeys(range(0x80, 0xA0), "\N{REPLACEMENT CHARACTER}")
)
_DRAWN = str.maketrans(_DIRECTION | _PICTURES)
BLANK = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff"
)
"""A regular expression's set: they draw nothing, though of the categories of letters and signs."""
_BLANK = re.compile(f"[{BLANK}]")


def readable(text: str) -> str:
    """Return what of a text can be drawn, in lines; "" where nothing of it would be seen.

    Terminals' sequences and controls of direction are dropped, other controls are drawn as their
    pictures. What is stored stays as it is.
    """
    if text.isascii() and text.isprintable() and text.strip():
        return text
    shown = _LINE_END.sub("\n", _TERMINAL.sub("", text)).translate(_DRAWN)
    return shown if any(map(_is_seen, shown)) else ""


def printable(value: object) -> str:
    """Return text on one line that moves no cursor: what does not print is escaped."""
    text = readable(str(value))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "Z" and category not in ("Cc", "Cf") and not _BLANK.match(character)
