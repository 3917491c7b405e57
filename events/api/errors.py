"""Every refusal as JSON: `{"detail": ...}`, or the reasons by field or parameter."""

import logging
import sys
from typing import Any

import psycopg
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status, views
from rest_framework.response import Response

from events.bulk.confirmation import InvalidToken
from events.filters.query_string import InvalidQuery
from events.reading.time_limit import TookTooLong

logger = logging.getLogger(__name__)


class PayloadTooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request's body is too large."


class LengthRequired(exceptions.APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the body with a Content-Length, not chunked."


class ServiceUnavailable(exceptions.APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database can't answer at the moment. Try again later."


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what Django REST framework knows, and Django's own refusals, which would be HTML."""
    response = views.exception_handler(_as_api_exception(error), context)
    if response is not None:
        response.data = _encodable(response.data)
    return response


def _as_api_exception(error: Exception) -> Exception:
    match error:
        case InvalidQuery():
            return exceptions.ValidationError(error.errors)
        case InvalidToken():
            return exceptions.ValidationError({"token": [str(error)]})
        case TookTooLong():
            return ServiceUnavailable(str(error))
        case RequestDataTooBig():
            return PayloadTooLarge()
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return exceptions.ParseError("Malformed request.")
        case _ if _may_pass(error):
            logger.error("The database can't answer", exc_info=error)
            return ServiceUnavailable()
    return error


STATES = (
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
)
"""Of the database, which an operator mends: a standby, a missing grant, no migration yet."""


def _may_pass(error: BaseException | None) -> bool:
    """Whether the database can't answer for now, or has no connection left."""
    if isinstance(error, InternalError | ProgrammingError):
        # What else goes wrong inside the server, or in a statement of ours, does so every time.
        return isinstance(error.__cause__, STATES)
    return isinstance(error, OperationalError | InterfaceError)


def _encodable(data: Any) -> Any:
    """Messages repeat what was sent, which may hold what UTF-8 can't: unpaired surrogates."""
    if isinstance(data, dict):
        return {_encodable(key): _encodable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_encodable(item) for item in data]
    return str(data).encode(errors="backslashreplace").decode()


@csrf_exempt  # there is nothing to protect, and a refusal would be HTML
def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer an address of the API at which there is nothing."""
    hint = " Addresses end without a slash." if path.endswith("/") else ""
    return JsonResponse({"detail": f"There is nothing at this address.{hint}"}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer where an error came up that no view answers; Django has logged it."""
    if _may_pass(sys.exception()):
        return unavailable()
    detail = "The server failed at this request; its log says why."
    return JsonResponse({"detail": detail}, status=500)


def unavailable() -> HttpResponse:
    """Answer where the database can't, or has no connection left: 503, to be asked again."""
    status, detail = ServiceUnavailable.status_code, ServiceUnavailable.default_detail
    return JsonResponse({"detail": detail}, status=status)
