"""What the page of a timeline shows of its events, in addresses, places and words."""

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from events.models import SystemEvent
from events.web import event_html
from events.web.links import list_url, timeline_url
from sovi_events.readable import readable

from . import layout
from .durations import in_words
from .period import Period, Range
from .recoveries import Outage, outages
from .silence import Silence, silences

DRAWN_BOUND = 1000
"""Events drawn at most, the newest of the period; the rest is a step back in time away."""

MESSAGE_LENGTH = 200

OUTAGES_BOUND = 50
"""Outages said in words at most, the latest; all of those in the period are drawn."""


def drawn(
    about: dict[str, Any],
    chosen: Range,
    period: Period,
    events: list[SystemEvent],
    is_current: bool,
) -> dict[str, Any]:
    """Lay out at most `DRAWN_BOUND` of these events, the latest first, for the template.

    `about` names the subject in addresses.
    """
    is_cut = len(events) > DRAWN_BOUND
    events = events[:DRAWN_BOUND]
    if is_cut:
        # What lies before the oldest wasn't read: neither silence nor failure is known there.
        oldest = min(events[-1].timestamp, period.until - timedelta(seconds=1))
        period = Period(oldest, period.until)
    ascending = events[::-1]
    ahead = [event for event in events if event.timestamp >= period.until]
    paired = outages(ascending)
    quiet = silences([event.timestamp for event in ascending], period)
    return {
        "count": len(events),
        "ahead": len(ahead),
        "ahead_by": ahead and in_words(ahead[0].timestamp - period.until),
        "is_cut": is_cut,
        "is_current": is_current,
        "drawn_since": event_html.moment(period.since),
        "earlier_url": timeline_url({**about, "range": chosen.key}, period.since),
        "lanes": [
            {
                "category": readable(lane.category),
                "count": lane.events,
                "height": lane.height,
                "bars": [(bar, _said(bar.outage)) for bar in lane.bars],
                "marks": [_mark(mark, about) for mark in lane.marks],
            }
            for lane in layout.lanes(ascending, paired, period)
        ],
        "marks": [
            (layout.percent(period.place(instant)), label) for instant, label in period.marks()
        ],
        "outages": [_outage(outage) for outage in paired[: -OUTAGES_BOUND - 1 : -1]],
        "outages_left_out": max(len(paired) - OUTAGES_BOUND, 0),
        "silences": [_silence(silence, period, is_current, is_cut) for silence in quiet],
        "legend": [event_html.badge(name) for name in layout.GRAVEST_FIRST],
        "events": [_row(event, is_ahead=event.timestamp >= period.until) for event in events],
    }


def _row(event: SystemEvent, *, is_ahead: bool) -> dict[str, Any]:
    shown = event_html.moment_and_ago if is_ahead else event_html.moment
    return {
        "time": shown(event.timestamp),
        "severity": event_html.severity(event),
        "type": readable(event.event_type),
        "message": event_html.message_text(event, MESSAGE_LENGTH),
        "url": reverse("admin:events_systemevent_change", args=[event.pk]),
    }


def _mark(mark: layout.Mark, about: dict[str, Any]) -> dict[str, Any]:
    first, last = mark.events[0], mark.events[-1]
    drawn = {"severity": mark.severity, "x": mark.x, "y": mark.y, "count": len(mark.events)}
    if len(mark.events) == 1:
        url = reverse("admin:events_systemevent_change", args=[first.pk])
        message = event_html.message_text(first, MESSAGE_LENGTH)
        text = f"{event_html.plain(first.timestamp)} {readable(first.event_type)}: {message}"
        return {**drawn, "url": url, "text": text}
    url = list_url(
        **about,
        category=first.category,
        severity=sorted({event.severity for event in mark.events}),
        since=first.timestamp.isoformat(),
        until=(last.timestamp + timedelta(microseconds=1)).isoformat(),
    )
    types = ", ".join(sorted({readable(event.event_type) for event in mark.events}))
    text = _("%(count)s events from %(since)s to %(until)s: %(types)s") % {
        "count": len(mark.events),
        "since": event_html.plain(first.timestamp),
        "until": event_html.plain(last.timestamp),
        "types": types[:200],
    }
    return {**drawn, "url": url, "text": text}


def _outage(outage: Outage) -> dict[str, Any]:
    recovery = outage.recovery
    change = "admin:events_systemevent_change"
    return {
        "severity": event_html.severity(outage.first),
        "event_type": outage.first.event_type,
        "category": outage.first.category,
        "failures": event_html.number(outage.failures),
        "since": event_html.moment(outage.first.timestamp),
        "url": reverse(change, args=[outage.first.pk]),
        "recovery": recovery and recovery.event_type,
        "recovered": recovery and event_html.moment(recovery.timestamp),
        "recovery_url": recovery and reverse(change, args=[recovery.pk]),
        "length": recovery and in_words(recovery.timestamp - outage.first.timestamp),
    }


def _said(outage: Outage) -> str:
    if outage.recovery is None:
        return _("%(type)s: no recovery in this period") % {"type": outage.first.event_type}
    return _("%(type)s: recovered by %(recovery)s after %(length)s") % {
        "type": outage.first.event_type,
        "recovery": outage.recovery.event_type,
        "length": in_words(outage.recovery.timestamp - outage.first.timestamp),
    }


def _silence(silence: Silence, period: Period, is_current: bool, is_cut: bool) -> dict[str, Any]:
    start, end = period.place(silence.since), period.place(silence.until)
    return {
        "x": layout.percent(start),
        "width": layout.percent(end - start),
        "length": in_words(silence.length),
        "since": event_html.moment(silence.since),
        "until": event_html.moment(silence.until),
        # Where it is cut, the period begins with an event.
        "from_the_beginning": silence.since == period.since and not is_cut,
        "lasts": is_current and silence.until == period.until,
    }
