"""For load balancers and supervisors: does the process answer, does its database."""

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


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
