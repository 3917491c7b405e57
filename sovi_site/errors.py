"""What a program is told of an unforeseen error is JSON, as everything it is told."""

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from events.api import errors


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return errors.server_error(request)
    return defaults.server_error(request)
