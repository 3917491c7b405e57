"""The live tail: events as they commit, filtered as the address says."""

from collections.abc import Iterator
from contextlib import suppress

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from events.filters.query_string import InvalidQuery, read_query, with_offsets
from events.reading.time_limit import TookTooLong, statement_limit, time_limit
from events.stream.current_token import read_now
from events.web.names import refuse_names, shown_to
from events.web.permissions import VIEW
from sovi_events import catalog

from .toggle_links import choices

HIGHLIGHT = "highlight"
BACKLOG_ROWS = 200


@permission_required(VIEW, raise_exception=True)
def live(request: HttpRequest) -> HttpResponse:
    asked = with_offsets(request.GET)
    query = asked.copy()
    highlight = query.pop(HIGHLIGHT, [""])[-1]
    context = {
        **admin.site.each_context(request),
        "title": _("Live events"),
        "highlight": highlight,
        "text": query.get("q", ""),
        "severities": list(choices(asked, "severity", catalog.SEVERITIES[::-1])),
        "chips": list(other_chips(asked)),
        "other_filters": [
            (name, value)
            for name, values in query.lists()
            if name not in ("q", HIGHLIGHT)
            for value in values
        ],
    }
    try:
        refuse_names(query, shown_to(request.user))
        with statement_limit():
            read_query(query)
    except InvalidQuery as error:
        context["problems"] = error.lines
    else:
        with suppress(TookTooLong), time_limit():
            context["place"] = str(read_now())
        query["backlog"] = str(BACKLOG_ROWS)
        context["stream_query"] = query.urlencode()
    return TemplateResponse(request, "admin/console/live.html", context)


def other_chips(query: QueryDict) -> Iterator[dict[str, str]]:
    """The filters that have no field on the page, each with the query that takes it away."""
    for name, values in query.lists():
        if name in ("severity", "q", HIGHLIGHT):
            continue
        rest = query.copy()
        del rest[name]
        yield {"label": name, "value": ", ".join(values), "query": rest.urlencode()}
