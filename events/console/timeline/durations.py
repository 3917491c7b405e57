"""Lengths of time in words."""

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

UNITS = (
    (86400, gettext_lazy("%(count)s d")),
    (3600, gettext_lazy("%(count)s h")),
    (60, gettext_lazy("%(count)s min")),
    (1, gettext_lazy("%(count)s s")),
)


def in_words(duration: timedelta) -> str:
    """A duration in its largest unit and the next, such as "3 h 22 min"."""
    seconds = int(duration.total_seconds())
    parts = []
    for size, text in UNITS:
        if seconds >= size:
            parts.append(text % {"count": seconds // size})
            seconds %= size
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or _("less than a second")
