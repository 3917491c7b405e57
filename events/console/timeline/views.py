"""The timeline of a device or an account: everything about it on one axis of time."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from events.filters.fields import InstantField
from events.models import SystemEvent
from events.reading.time_limit import TookTooLong, statement_limit, time_limit
from events.web import event_html
from events.web.links import list_url, timeline_url
from events.web.names import shown_to
from events.web.permissions import VIEW

from .page_context import DRAWN_BOUND, drawn
from .period import DEFAULT, RANGES, Period, Range
from .subject import SUBJECT_TYPES, AmbiguousSubject, Subject, SubjectType, read_subject

TIMEOUT_SECONDS = 2.0
EARLIEST = datetime.fromisoformat("1000-01-01T00:00:00Z")
LATEST = datetime.fromisoformat("9000-01-01T00:00:00Z")


@permission_required(VIEW, raise_exception=True)
def timeline(request: HttpRequest) -> HttpResponse:
    chosen = RANGES.get(request.GET.get("range", DEFAULT), RANGES[DEFAULT])
    now = timezone.now()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Timeline"),
        "sorts": [(sort, request.GET.get(sort.parameter, "")) for sort in SUBJECT_TYPES],
        "range": chosen,
    }
    try:
        with statement_limit():
            found = read_subject(request.GET, shown_to(request.user))
        until = InstantField(required=False).clean(request.GET.get("until", ""))
        if until is not None and not EARLIEST < until < LATEST:
            raise ValidationError(_("No event can be of that time."))
    except AmbiguousSubject as unclear:
        context["error"] = str(unclear)
        context["matches"] = [
            (match, timeline_url({unclear.sort.parameter: match.pk, "range": chosen.key}))
            for match in unclear.matches
            if unclear.sort
        ]
    except ValidationError as error:
        context["error"] = " ".join(error.messages)
    else:
        if found:
            period = Period((until or now) - chosen.length, until or now)
            context |= _page(request, *found, chosen, period, now)
    return TemplateResponse(request, "admin/console/timeline.html", context)


def _page(
    request: HttpRequest,
    sort: SubjectType,
    subject: Subject,
    chosen: Range,
    period: Period,
    now: datetime,
) -> dict[str, Any]:
    about = {sort.parameter: subject.pk}
    here = {**about, "range": chosen.key}
    is_current = period.until >= now
    later = period.until + chosen.length
    is_named = sort.parameter in shown_to(request.user)
    name = str(subject if is_named else subject.pk)
    context = {
        "title": _("Timeline of %(subject)s") % {"subject": name},
        "sort": sort,
        "subject": name,
        "subject_url": reverse(f"admin:events_{sort.parameter}_change", args=[subject.pk])
        if is_named
        else None,
        "since": event_html.moment(period.since),
        "until": event_html.moment(period.until),
        "is_current": is_current,
        "stream_query": urlencode({f"{sort.parameter}_id": subject.pk}),
        "ranges": [
            {
                "label": entry.label,
                "selected": entry is chosen,
                "url": timeline_url(
                    {**about, "range": entry.key}, None if is_current else period.until
                ),
            }
            for entry in RANGES.values()
        ],
        "previous_url": timeline_url(here, period.since),
        "next_url": None if is_current else timeline_url(here, later if later < now else None),
        "list_url": list_url(
            **about,
            since=period.since.isoformat(),
            **({} if is_current else {"until": period.until.isoformat()}),
        ),
    }
    try:
        events = read_events(sort, subject, period, is_current=is_current)
    except TookTooLong:
        return {**context, "too_slow": True}
    return {**context, **drawn(about, chosen, period, events, is_current)}


def read_events(
    sort: SubjectType, subject: Subject, period: Period, *, is_current: bool = False
) -> list[SystemEvent]:
    """The newest events about a subject in a period, the latest first; one more than are drawn.

    In the current one are those of clocks that are ahead of it, too. Raises `TookTooLong`.
    """
    events = SystemEvent.objects.filter(**{sort.parameter: subject}, timestamp__gte=period.since)
    if not is_current:
        events = events.filter(timestamp__lt=period.until)
    with time_limit(TIMEOUT_SECONDS):
        return list(events.defer("context").order_by("-timestamp", "-pk")[: DRAWN_BOUND + 1])
