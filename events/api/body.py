"""What a request sends: bounded before it is read."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from .errors import LengthRequired, PayloadTooLarge

BODY_BYTES = 64 * 1024


def check_size(request: Request) -> None:
    """Raise for a body that is too large or, having no length, would be taken for an empty one."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise LengthRequired
    elif int(length[:20]) > BODY_BYTES:
        raise PayloadTooLarge(f"The request's body is larger than {BODY_BYTES} bytes.")


def read_object(request: Request) -> Mapping[str, Any]:
    """Return the JSON object sent, an empty one where there is no body."""
    check_size(request)
    try:
        data = request.data
    except RecursionError:
        raise ParseError("JSON parse error - it is nested too deeply") from None
    if not isinstance(data, Mapping):
        raise ValidationError({"detail": "The body must be a JSON object."})
    return data
