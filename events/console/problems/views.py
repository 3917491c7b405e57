"""The problems: unresolved events by kind, each kind opened or resolved as a whole."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from events.console.toggle_links import choices
from events.filters.event_filter import NONE, EventFilter
from events.filters.filterset import EventFilterSet
from events.filters.query_string import InvalidQuery, read_query
from events.filters.search.query import quoted
from events.models import SystemEvent
from events.models.action import REASON_LENGTH
from events.prerequisites import why_not_settled
from events.reading.bounded_count import COUNT_BOUND, BoundedCount, bounded_count
from events.reading.raw_sql import read_rows
from events.reading.time_limit import (
    ALONG_INDEXES,
    NOTHING_CHANGED,
    TookTooLong,
    statement_limit,
    time_limit,
)
from events.web import event_html
from events.web.links import list_url, timeline_url
from events.web.names import shown_to
from events.web.operator_form import NEWEST_ID, actor_of, read_id, reason_of
from events.web.permissions import RESOLVE, VIEW
from sovi_events import catalog
from sovi_events.following.settled import read_horizon
from sovi_events.readable import readable

from .grouping import Kind, Problem, read_problems
from .sparkline import hourly

TIMEOUT_SECONDS = 2.0
RESOLVE_BOUND = 5000
"""Events resolved while the operator waits; more of them are resolved from the list."""

SOME_CHANGED = "What was resolved until then stays so: try again for what is left."
"""Each chunk is a transaction: who writes the same rows waits for no more than that."""

FILTERS = ("severity", "category")
GRAVE = catalog.SEVERITIES[:0:-1]
"""Shown unless others are asked for: what merely happened is no problem."""


@permission_required(VIEW, raise_exception=True)
def problems(request: HttpRequest) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": _("Problems"),
        "as_of": event_html.moment(timezone.now()),
        "severities": choices(request.GET, "severity", catalog.SEVERITIES[::-1]),
        "categories": choices(request.GET, "category", catalog.CATEGORIES),
        "chosen": "severity" in request.GET,
        "may_resolve": request.user.has_perm(RESOLVE),
        "reason_length": REASON_LENGTH,
        "query": request.GET.urlencode(),
    }
    try:
        asked = read_filter(request.GET)
    except InvalidQuery as error:
        context["errors"] = error.lines
    else:
        context["stream_query"] = asked.to_query_string()
        try:
            context |= _shown(asked, shown_to(request.user))
        except TookTooLong:
            context["too_slow"] = True
    return TemplateResponse(request, "admin/console/problems.html", context)


@require_POST
@permission_required((VIEW, RESOLVE), raise_exception=True)
def resolve(request: HttpRequest, event_id: int) -> HttpResponse:
    """Resolve the events of the kind of this one, as far as those its page showed are settled."""
    newest_id = read_id(request.POST.get(NEWEST_ID, ""))
    try:
        asked = read_filter(request.GET)
    except InvalidQuery:
        newest_id = None
    if newest_id is None:
        messages.error(request, _("The request could not be read, so nothing was changed."))
        return _back(request)
    try:
        return _resolve_kind(request, event_id, asked, newest_id)
    except TookTooLong as error:
        messages.error(request, str(error))
        return _back(request)


def _resolve_kind(
    request: HttpRequest, event_id: int, asked: EventFilter, newest_id: int
) -> HttpResponse:
    with time_limit(advice=NOTHING_CHANGED):
        event = SystemEvent.objects.defer("context", "message").filter(pk=event_id).first()
        if event is None:
            raise Http404
        kind = Kind.of(event)
        events = kind.unresolved(asked, newest_id)
        found = bounded_count(events, RESOLVE_BOUND)
    if not found.exact:
        messages.warning(
            request,
            _("These are too many to resolve at once: select all that match here instead."),
        )
        return HttpResponseRedirect(_events_url(kind, asked))
    with statement_limit(advice=SOME_CHANGED):
        changed = events.resolve(by=actor_of(request), reason=reason_of(request))
    text = ngettext("Resolved %(count)s event.", "Resolved %(count)s events.", changed)
    count = event_html.number(changed)
    if changed:
        messages.success(request, text % {"count": count})
    else:
        messages.warning(request, _("Of what the page showed, nothing is left to resolve so far."))
    return _back(request)


def read_filter(query: QueryDict) -> EventFilter:
    """Return what is asked for: at least severities, maybe categories. Raises `InvalidQuery`."""
    others = [name for name in EventFilterSet.parameters() if name not in FILTERS]
    asked = read_query(query, without=others).event_filter
    return asked if asked.asks_for("severity") else asked & EventFilter.where(severity=GRAVE)


def _shown(asked: EventFilter, named: Collection[str]) -> dict[str, Any]:
    with time_limit(TIMEOUT_SECONDS, planner=ALONG_INDEXES):
        # Asked first: what comes while the rows are read is left to the next page.
        horizon = read_horizon(read_rows)
        newest_id = horizon.id if horizon.complete else _newest_id()
        found = read_problems(asked, newest_id, timezone.now(), named)
    return {
        "left_out": "" if horizon.complete else why_not_settled(read_rows),
        # Only so far will nothing appear any more that this page hasn't shown.
        "settled_id": str(horizon.id),
        "is_empty": not found.rows and not SystemEvent.objects.exists(),
        "rows": [_row(problem, asked) for problem in found.rows],
        "kinds": found.kinds,
        "cut": found.cut,
        "cut_at": BoundedCount(COUNT_BOUND, exact=True),
    }


def _newest_id() -> int:
    newest = SystemEvent.objects.order_by("-pk").values_list("pk", flat=True).first()
    return max(newest or 0, 0)


def _row(problem: Problem, asked: EventFilter) -> dict[str, Any]:
    kind, latest = problem.kind, problem.latest
    return {
        "key": f"{kind.event_type} {kind.device_id} {kind.account_id}",
        "kind": kind,
        "count": problem.count,
        "first_seen": event_html.moment_and_ago(problem.first_seen),
        "last_seen": event_html.moment_and_ago(problem.last_seen),
        "sparkline": hourly(problem.per_interval),
        "latest_id": str(problem.latest_id),
        "severity": event_html.badge(problem.severity),
        "event_type": readable(kind.event_type),
        "category": readable(latest.category) if latest else "",
        "message": event_html.message(latest) if latest else _("(gone)"),
        "device": latest.device_name if latest else kind.device_id,
        "account": latest.account_name if latest else kind.account_id,
        "device_url": kind.device_id and timeline_url({"device": kind.device_id}),
        "account_url": kind.account_id and timeline_url({"account": kind.account_id}),
        "events_url": _events_url(kind, asked),
        "is_quick": problem.count.rows <= RESOLVE_BOUND,
    }


def _events_url(kind: Kind, asked: EventFilter) -> str:
    name = kind.event_type
    # The list takes a comma, or space around a type, for what separates several.
    is_plain = "," not in name and name == name.strip()
    return list_url(
        resolved="false",
        **({"event_type": name} if is_plain else {"q": f"type:{quoted(name)}"}),
        device=kind.device_id or NONE,
        account=kind.account_id or NONE,
        **asked.to_json(),
    )


def _back(request: HttpRequest) -> HttpResponse:
    query = request.GET.urlencode()
    address = reverse("console:problems")
    return HttpResponseRedirect(f"{address}?{query}" if query else address)
