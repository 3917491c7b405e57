"""`GET /api/logs/stream`, a plain async view: REST framework refuses to serve event streams."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from typing import Any

import psycopg
from django.core.exceptions import TooManyFieldsSent
from django.db import OperationalError, connections
from django.http import (
    HttpRequest,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
    StreamingHttpResponse,
)
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import ValidationError

from events.filters.query_string import InvalidQuery, read_query
from events.filters.search.normalise import named_subjects
from events.reading.time_limit import TookTooLong, statement_limit
from events.stream.client import Client
from events.stream.hub import TooManyStreams, current_hub
from events.stream.messages import retry
from events.stream.selection import Selection
from events.web.authentication import key_of
from events.web.names import PERMISSION, refuse_names
from events.web.permissions import VIEW

from .query import ParsedField, QuerySerializer, WholeNumberField

MAX_BACKLOG = 500
AGAIN_SECONDS = 30
LAST_EVENT_ID = ("lastEventId", "lastEventID", "Last-Event-ID", "evs_last_event_id")
"""What EventSource's polyfills, and the clients of Mercure, call the token in an address."""
IGNORED = ("r", "evs_preamble")
"""What else they add by themselves."""

HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    # Keeps GZipMiddleware away: it would make each chunk a gzip file of its own.
    "Content-Encoding": "identity",
}

_look_ups = ThreadPoolExecutor(2, "stream-look-up")  # each opens a connection of its own


class StreamQuerySerializer(QuerySerializer):
    last_event_id = ParsedField(str, default="")
    backlog = WholeNumberField(0, MAX_BACKLOG, default=0)


@csrf_exempt  # it only reads, and answers other methods itself
async def stream(request: HttpRequest) -> HttpResponseBase:
    """Serve events from now, or from the client's token on, to who may view them."""
    if request.method != "GET":
        return _error(405, f'Method "{request.method}" not allowed.', Allow="GET")
    hub = current_hub()
    if hub.closing:
        return _error(503, "The server is stopping.", Retry_After="1")
    try:
        key = key_of(request)
        found = await hub.find_credentials([key]) if key else {}
        if not found:
            detail = "Authentication credentials were not provided or are not valid."
            return _error(401, detail, WWW_Authenticate="Token")
        [(credential, granted)] = found.items()
        if VIEW not in granted:
            return _error(403, "You do not have permission to perform this action.")
        if not hub.has_room(credential.user_id):
            return _error(429, "Too many open streams.", Retry_After=str(AGAIN_SECONDS))
        query = _without_polyfills(request.GET)
        shown = [it for it, permission in PERMISSION.items() if permission in granted]
        refuse_names(query, shown)
        selection = await _select(query)
        asked = StreamQuerySerializer.read(query)
    except (psycopg.OperationalError, OperationalError, OSError):
        return _error(503, "The database cannot be reached.", Retry_After=str(AGAIN_SECONDS))
    except TookTooLong as error:
        return _error(503, str(error), Retry_After=str(AGAIN_SECONDS))
    except InvalidQuery as error:
        return JsonResponse(error.errors, status=400)
    except ValidationError as error:
        return JsonResponse(error.detail, status=400)
    except TooManyFieldsSent as error:
        return _error(400, str(error))
    if hub.closing:
        return _error(503, "The server is stopping.", Retry_After="1")
    if not hub.has_room(credential.user_id):
        return _error(429, "Too many open streams.", Retry_After=str(AGAIN_SECONDS))
    client = Client(
        hub,
        credential=credential,
        granted=granted,
        selection=None if selection.everything else selection,
        # The header is newer: EventSource reconnects to the address it was given first.
        token=request.headers.get("Last-Event-ID") or asked["last_event_id"],
        backlog=asked["backlog"],
    )
    return StreamingHttpResponse(_chunks(client), content_type="text/event-stream", headers=HEADERS)


def _without_polyfills(query: QueryDict) -> QueryDict:
    """Return the query with a polyfill's token, which is newer, as ours."""
    query = query.copy()
    for name in LAST_EVENT_ID:
        if token := query.pop(name, [""])[-1]:
            query["last_event_id"] = token
    for name in IGNORED:
        query.pop(name, None)
    return query


async def _select(query: QueryDict) -> Selection:
    """Raises InvalidQuery and TookTooLong."""
    if any(map(named_subjects, query.getlist("q"))):
        looking = _look_ups.submit(copy_context().run, _look_up, query)
        return await asyncio.wrap_future(looking)
    return _selection(query)


def _look_up(query: QueryDict) -> Selection:
    """Make the selection of a search whose names are looked up, on a connection of Django's."""
    try:
        with statement_limit():
            return _selection(query)
    finally:
        connections.close_all()


def _selection(query: QueryDict) -> Selection:
    return Selection(read_query(query, also=StreamQuerySerializer.names()).event_filter)


async def _chunks(client: Client) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(client.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk
    except TooManyStreams:  # of many requests at once, more may have passed the view's check
        yield retry(AGAIN_SECONDS * 1000)


def _error(status: int, detail: str, **headers: Any) -> JsonResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JsonResponse({"detail": detail}, status=status, headers=named)
