"""An event's context, laid out to be read."""

import re
from typing import NamedTuple

from django.db.models import F, Func, TextField
from django.db.models.functions import Left
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from events.models import SystemEvent

LENGTH_BOUND = 100_000
"""Characters shown at most."""

# Strings that are keys, other strings (the last may be cut), numbers, words; the rest stands plain.
TOKEN = re.compile(
    r'(?P<key>"(?:[^"\\]|\\.)*+"(?=:))|(?P<string>"(?:[^"\\]|\\.)*+(?:"|\\?\Z))'
    r"|(?P<number>-?\d[\d.eE+-]*)|(?P<word>true|false|null)|(?P<rest>[^\"\w-]+|.)",
    re.DOTALL,
)


# The first of its texts, not too deep, that holds one.
_TRACEBACK = """jsonb_path_query_first(%(expressions)s, '$.**{0 to 4} ? (
    @.type() == "string" && @ like_regex "(Traceback|Stack) \\\\(most recent call last\\\\)")'
) #>> '{}'"""


class ContextText(NamedTuple):
    """A context as indented JSON, "" without one; whether it is cut; a traceback in it, or ""."""

    json: str
    is_cut: bool
    traceback: str


def read_context(event_id: int) -> ContextText:
    """Read it as text.

    PostgreSQL lays it out: what it stores can nest deeper, and hold longer numbers, than Python's
    parser takes.
    """
    pretty = Func(F("context"), function="jsonb_pretty", output_field=TextField())
    traceback = Func(F("context"), template=_TRACEBACK, output_field=TextField())
    rows = SystemEvent.objects.filter(pk=event_id)
    found = rows.values_list(Left(pretty, LENGTH_BOUND + 1), Left(traceback, LENGTH_BOUND)).first()
    text, raised = found or (None, None)
    if text is None or text.split() in (["{}"], ["{", "}"], ["null"]):
        return ContextText("", False, "")
    json = re.sub(r"^ +", _halved, text[:LENGTH_BOUND], flags=re.M)
    return ContextText(json, len(text) > LENGTH_BOUND, raised or "")


def _halved(indent: re.Match[str]) -> str:
    return indent[0][::2]


def highlight(json: str) -> SafeString:
    """Mark the parts of a JSON text for the stylesheet; everything is escaped."""
    parts = (
        match[0]
        if match.lastgroup == "rest"
        else format_html('<span class="json-{}">{}</span>', match.lastgroup, match[0])
        for match in TOKEN.finditer(json)
    )
    return format_html_join("", "{}", ((part,) for part in parts))
