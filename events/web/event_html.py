"""How the values of an event are shown, in the lists and on its page; as HTML, escaped here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from events.models import SystemEvent
from sovi_events import catalog
from sovi_events.readable import readable

from .links import event_url

FORMAT = "%Y-%m-%d %H:%M:%S"
NOTHING = format_html('<span class="nothing" aria-hidden="true">{}</span>', "–")
EXCERPT_LENGTH = 1000
"""Characters of a message that a list shows at most."""

AGO = format_html('{}<span class="ago"></span>', " ")


def moment(instant: datetime | None) -> SafeString:
    """Date and time with seconds in the site's time zone; UTC when pointed at."""
    if instant is None:
        return NOTHING
    utc = instant.astimezone(UTC).strftime(FORMAT)
    local = timezone.localtime(instant).strftime(FORMAT)
    # Of digits alone: there is nothing to escape, on a page that shows a hundred moments.
    return SafeString(f'<time datetime="{utc.replace(" ", "T")}Z" title="{utc} UTC">{local}</time>')


def plain(instant: datetime) -> str:
    """Date and time in the site's time zone, and in UTC, where there is no room for markup."""
    local, utc = timezone.localtime(instant), instant.astimezone(UTC)
    return f"{local.strftime(FORMAT)} ({utc.strftime(FORMAT)} UTC)"


def moment_and_ago(instant: datetime | None) -> SafeString:
    """A moment, and the place where the page's script says how long ago it is."""
    if instant is None:
        return NOTHING
    return moment(instant) + AGO


def number(rows: int) -> str:
    """How many, with separators."""
    if 0 <= rows < 1000:
        return str(rows)  # no language groups fewer than four digits
    return number_format(rows, use_l10n=True, force_grouping=True)


def severity(event: SystemEvent) -> SafeString:
    return badge(event.severity)


def badge(severity: str) -> SafeString:
    """A severity in its colour, its shape and its word."""
    kind = severity if severity in catalog.SEVERITIES else "other"
    return format_html(
        '<span class="severity severity-{}">{}</span>', kind, readable(severity) or "–"
    )


def kind(event: SystemEvent) -> SafeString:
    """The event type, over its category."""
    return format_html(
        '<span class="event-type">{}</span> <span class="category">{}</span>',
        readable(event.event_type) or "–",
        readable(event.category) or "–",
    )


def state(event: SystemEvent) -> SafeString:
    if not event.resolved:
        return format_html('<span class="state state-unresolved">{}</span>', _("Unresolved"))
    resolver = (
        _("by %(resolver)s") % {"resolver": readable(event.resolved_by)}
        if event.resolved_by
        else ""
    )
    return format_html(
        '<span class="state state-resolved">{}</span> <span class="by">{} {}</span>',
        _("Resolved"),
        resolver,
        moment(event.resolved_at) if event.resolved_at else "",
    )


def message_text(event: SystemEvent, length: int = EXCERPT_LENGTH) -> str:
    """The message as far as there is room for it, in a text of one direction."""
    return readable(event.message[:length]) or _("(no message)")


def message(event: SystemEvent) -> SafeString:
    text = message_text(event)
    return format_html('<span class="message" dir="auto" title="{0}">{0}</span>', text)


def device(event: SystemEvent) -> SafeString:
    return _same("device", event.device_id, event.device_name)


def account(event: SystemEvent) -> SafeString:
    return _same("account", event.account_id, event.account_name)


def cells(event: SystemEvent) -> Mapping[str, Any]:
    """The cells of an event's row in a table outside the list of events."""
    return {
        "pk": str(event.pk),
        "url": event_url(event.pk),
        "time": moment_and_ago(event.timestamp),
        "severity": severity(event),
        "kind": kind(event),
        "message": message(event),
        "state": state(event),
    }


def _same(parameter: str, pk: UUID | None, related: Any) -> SafeString:
    """What the event is about, linked to its other events."""
    if pk is None:
        return NOTHING
    # The list's own address, so that the link works wherever the admin is mounted.
    return format_html(
        '<a href="?{}={}" title="{}">{}</a>', parameter, pk, _("Events of the same"), related
    )
