"""What a request sends: bounded before it is read, and read to the letter."""

import codecs
import json
import math
from collections.abc import Mapping
from typing import Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request

from .body_sizes import BODY_BYTES
from .errors import LengthRequired, PayloadTooLarge

NUMBER_DIGITS = 1000


class JSONParser(parsers.JSONParser):
    """JSON as RFC 8259 has it: UTF-8, whatever the header says, and no name twice in an object.

    Numbers that Python would turn into an infinity, or refuse to print again, are refused here.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return json.loads(
                codecs.decode(stream.read(), "utf-8-sig"),
                object_pairs_hook=_object,
                parse_constant=_no_number,
                parse_float=_float,
                parse_int=_integer,
            )
        except UnicodeDecodeError:
            raise ParseError("JSON parse error - it is not UTF-8") from None
        except RecursionError:
            raise TooDeep from None
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from None


class TooDeep(ParseError):
    default_detail = "JSON parse error - it is nested too deeply"


def check_size(request: Request, limit_bytes: int = BODY_BYTES) -> None:
    """Raise for a body that is too large or, having no length, would be taken for an empty one."""
    length = request.META.get("CONTENT_LENGTH") or ""
    if not length.isdecimal():
        if "HTTP_TRANSFER_ENCODING" in request.META:
            raise LengthRequired
    elif int(length[:20]) > limit_bytes:
        raise PayloadTooLarge(f"The request's body is larger than {limit_bytes} bytes.")


def read_object(request: Request, limit_bytes: int = BODY_BYTES) -> Mapping[str, Any]:
    """Return the JSON object sent, an empty one where there is no body."""
    check_size(request, limit_bytes)
    data = request.data
    if not isinstance(data, Mapping):
        raise ValidationError({"detail": "The body must be a JSON object."})
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise ValueError(f"the name {json.dumps(name[:40])} stands twice in an object")
        made[name] = value
    return made


def _integer(text: str) -> int:
    if len(text) > NUMBER_DIGITS:
        raise ValueError(f"a number has more than {NUMBER_DIGITS} digits")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
