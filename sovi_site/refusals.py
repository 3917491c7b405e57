"""What a browser is answered instead of a page, in the house's dress; programs get JSON."""

import re
from typing import Any, NamedTuple

from django.contrib import admin
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.deprecation import MiddlewareMixin

from events.reading.time_limit import TookTooLong

_DJANGOS_LISTS = re.compile(r"admin:(auth_\w+_changelist|autocomplete)")


class Refusal(NamedTuple):
    title: str
    advice: str


FORM_TOO_OLD = Refusal(
    "This form is too old",
    "You logged in or out since it was shown, maybe in another tab, or cookies are off."
    " Nothing was changed: go back, load the page again and send it once more.",
)
TOOK_TOO_LONG = Refusal(
    "The database took too long",
    "It is busy, or another program holds a lock on the table. Try again in a moment.",
)
REFUSALS = {
    400: Refusal(
        "This address can't be read", "Something in it is malformed: start again from here."
    ),
    403: Refusal("You may not see this", "Ask whoever manages users for the permission."),
    404: Refusal("There is nothing here", "The address may be mistyped, or what was here deleted."),
    405: Refusal(
        "This is done by a button", "Go back to the page that has it, and press it there."
    ),
    500: Refusal("The server failed at this", "Its log says why."),
    503: Refusal("The database can't answer", "It is away or busy. Try again in a moment."),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refuse(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refuse(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _refuse(request, 404)


def no_other_site(request: HttpRequest, path: str) -> HttpResponse:
    """Answer the admin's links to the objects' pages on the site, of which there are none."""
    raise Http404


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _refuse(request, 403, FORM_TOO_OLD)


def server_error(request: HttpRequest) -> HttpResponse:
    from events.api.errors import server_error as answer_program

    answer = answer_program(request)
    return answer if _is_for_programs(request) else _refuse(request, answer.status_code)


def unavailable(request: HttpRequest) -> HttpResponse:
    # Not before REST framework, whose settings name modules that import it.
    from events.api.errors import unavailable as answer_program

    return answer_program() if _is_for_programs(request) else _refuse(request, 503)


class RefusalMiddleware(MiddlewareMixin):
    """Answers what Django would call a failure of ours, or leave without a word."""

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, TookTooLong):
            return _refuse(request, 503, TOOK_TOO_LONG)
        if isinstance(error, DataError | OverflowError) and _is_djangos_list(request):
            return _refuse(request, 400)
        return None

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.status_code != 405 or getattr(response, "content", b""):
            return response
        refusal = _refuse(request, 405)
        refusal["Allow"] = response["Allow"]
        return refusal


def _refuse(request: HttpRequest, status: int, refusal: Refusal | None = None) -> HttpResponse:
    refusal = refusal or REFUSALS[status]
    if _is_for_programs(request):
        return JsonResponse({"detail": f"{refusal.title}. {refusal.advice}"}, status=status)
    site = admin.site
    context: dict[str, Any] = {"site_title": site.site_title, "site_header": site.site_header}
    # Of the others the cause may be that there is no database, or no such host.
    is_whole = status in (403, 404, 405) and hasattr(request, "user")
    context |= {**(site.each_context(request) if is_whole else {}), **refusal._asdict()}
    page = render_to_string("refusal.html", context, request if is_whole else None)
    return HttpResponse(page, status=status)


def _is_djangos_list(request: HttpRequest) -> bool:
    """Whether a list of Django's own is asked for, which takes any lookup and any text."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    is_by_address = request.method in ("GET", "HEAD") or bool(request.GET)
    return is_by_address and bool(_DJANGOS_LISTS.fullmatch(name))


def _is_for_programs(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
