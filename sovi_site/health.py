"""For load balancers and supervisors: does the process answer, does its database."""

from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


async def healthz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The process answers: an ASGI application, asked every second and by many."""
    body = b'{"status": "ok"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers and has the event table; 503 with the reason otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM system_events LIMIT 1")
    except Error as error:
        reason = " ".join(str(error).split())
        return JsonResponse({"status": "unavailable", "detail": reason}, status=503)
    return JsonResponse({"status": "ok"})
