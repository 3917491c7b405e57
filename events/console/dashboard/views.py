"""The operator's first page: what is broken, how badly, since when and where."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from events.models import SystemEvent
from events.reading.time_limit import ALONG_INDEXES, TookTooLong, time_limit
from events.web import event_html
from events.web.links import list_url
from events.web.names import shown_to
from events.web.permissions import VIEW
from sovi_events import catalog

from . import figures
from .clock_ranges import DEFAULT, SPANS, ClockRange
from .histogram import OTHER, histogram
from .histogram_table import table_rows

TIMEOUT_SECONDS = 2.0
HAS_PAGE_OF_ITS_OWN = ("SystemEvent", "Device", "Account", "EventAction")


def dashboard(request: HttpRequest) -> HttpResponse:
    span = SPANS.get(request.GET.get("span", DEFAULT), SPANS[DEFAULT])
    now = timezone.now()
    context = {
        **admin.site.each_context(request),
        "title": admin.site.index_title,
        "may_view": request.user.has_perm(VIEW),
        "as_of": event_html.moment(now),
        "spans": SPANS.values(),
        "span": span,
    }
    context["manageable"] = manageable(context["available_apps"])
    if context["may_view"]:
        counted = _figures(shown_to(request.user))
        context |= {"too_slow": True} if counted is None else counted | _histogram(span, now)
    return TemplateResponse(request, "admin/console/dashboard.html", context)


def manageable(apps: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the admin offers besides the pages that the header names."""
    return [
        model
        for app in apps
        for model in app["models"]
        if model["admin_url"] and model["object_name"] not in HAS_PAGE_OF_ITS_OWN
    ]


def _figures(named: Collection[str]) -> dict[str, Any] | None:
    """Everything that is counted; None when PostgreSQL took too long about it."""
    try:
        with time_limit(TIMEOUT_SECONDS, planner=ALONG_INDEXES):
            latest = figures.latest_failures()
            return {
                "unresolved": [_card(entry) for entry in figures.unresolved()],
                "tops": _tops(named),
                "latest": [event_html.cells(event) for event in latest],
                "is_empty": not latest
                and SystemEvent.objects.order_by("-pk").only("pk").first() is None,
            }
    except TookTooLong:
        return None


def _card(entry: figures.Unresolved) -> dict[str, Any]:
    changes = [(entry.since_hour, _("an hour ago")), (entry.since_day, _("a day ago"))]
    return {
        "severity": entry.severity,
        "count": entry.count,
        "changes": [_change(amount, then) for amount, then in changes if amount is not None],
        "url": list_url(resolved="false", severity=[entry.severity]),
    }


def _change(amount: int, then: str) -> tuple[str, str]:
    """The direction of a change, and the change in words."""
    if amount == 0:
        return "same", _("as many as %(then)s") % {"then": then}
    direction, text = (
        ("more", _("%(count)s more than %(then)s"))
        if amount > 0
        else ("less", _("%(count)s fewer than %(then)s"))
    )
    count = number_format(abs(amount), use_l10n=True, force_grouping=True)
    return direction, text % {"count": count, "then": then}


def _tops(named: Collection[str]) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = (_("Event types"), _("Devices"), _("Accounts"))
    return list(zip(titles, map(_linked, figures.tops(named)), strict=True))


def _linked(tops: list[figures.Top]) -> list[dict[str, Any]]:
    most = max((top.count for top in tops), default=1)
    return [
        {
            "label": top.label,
            "count": top.count,
            "most": most,
            "url": list_url(
                resolved="false", severity=figures.FAILURES, **{top.parameter: top.value}
            ),
        }
        for top in tops
    ]


def _histogram(span: ClockRange, now: datetime) -> dict[str, Any]:
    buckets = span.buckets(now)
    try:
        counted = histogram(buckets)
    except TookTooLong:
        counted = None
    severities = list(catalog.SEVERITIES[::-1])
    if counted and any(counts[OTHER] for counts in counted):
        severities.append(OTHER)
    return {
        "severities": severities,
        "rows": table_rows(buckets, severities, counted),
        "interval_seconds": int(span.interval.total_seconds()),
        "is_counted": counted is not None,
    }
