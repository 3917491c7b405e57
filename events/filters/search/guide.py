"""What a search may hold, as the pages and OpenAPI tell it: examples, each with its meaning."""

from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _

EXAMPLES: tuple[tuple[str, Any], ...] = (
    ("login failed", _("both words, anywhere in the message and in any case")),
    ('"login failed"', _(r"the phrase; inside the quotes, \" is a quote and \\ a backslash")),
    ("severity:error,critical", _("one of several; likewise category: and type:")),
    (
        "device:iPhone-A",
        _("by name or id; a part of a name will do where none is the same; - for none"),
    ),
    ("account:grind4829", _("by username or id, or as tiktok/grind4829")),
    ("resolved:no", _("yes or no; resolved_by:human, llm_agent or auto")),
    ("since:2h until:30m", _("from 2 hours ago to 30 minutes ago; s, m, h, d or w")),
    (
        "since:2026-01-31T18:30",
        _("a date or time, in the site's time zone unless it has its own"),
    ),
    ("#42", _("the event with this id, as id:42 or id:42,43")),
    ("context.platform:tiktok", _('a value of the context; "3" is the text, 3 the number too')),
    ("context.likes>3", _("a number of the context: >, >=, < or <=")),
    ('context.step."a.b":x', _("deeper in the context; quotes around a key with a dot")),
    ("-type:login_failed", _("a minus turns any of these round")),
)


SUMMARY = _("What is separated by spaces must all match.")


def _as_markdown() -> str:
    lines = [f"- `{example}`: {meaning}" for example, meaning in EXAMPLES]
    return "\n".join([f"A search. {SUMMARY}", "", *lines])


# Lazy, as its parts are: translations aren't there yet when modules are imported.
AS_MARKDOWN: Any = lazy(_as_markdown, str)()
