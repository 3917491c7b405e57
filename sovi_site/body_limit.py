"""The largest body that a request may have, counted while it arrives: nothing beyond is kept."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from events.api.body_sizes import BODY_BYTES, BULK_BYTES, EMISSION_BYTES

LIMITS = {
    "/api/events": EMISSION_BYTES,
    "/api/events/": BULK_BYTES,
    "/admin/login/": BODY_BYTES,
    "/admin/": settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
}
"""Of POST by address, or its beginning where it ends in "/"; what takes less refuses it itself.

Whoever shows no credential may send BODY_BYTES. No limit is larger than
FILE_UPLOAD_MAX_MEMORY_SIZE, from which on Django would write to the disk."""
STRAY_BYTES = 4096
"""Of requests that take no body, and get one from some clients all the same."""


class BodyTooLarge(Exception):
    """More has come than the limit."""


class BodyLimit:
    """An ASGI application that answers 413 in another's place, and closes the connection."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        limit = left = limit_of(scope)

        async def receive_counted() -> Mapping[str, Any]:
            nonlocal left
            message: Mapping[str, Any] = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise BodyTooLarge
            return message

        try:
            if _declared(scope) > limit:
                raise BodyTooLarge
            await self._application(scope, receive_counted, send)
        except BodyTooLarge:
            await _refuse(scope, limit, send)


def limit_of(scope: Mapping[str, Any]) -> int:
    """Return how many bytes the request's body may have."""
    if scope["method"] == "POST":
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        for address, limit in LIMITS.items():
            if path == address or (address.endswith("/") and path.startswith(address)):
                return limit if _shows_credential(scope) else min(limit, BODY_BYTES)
    return STRAY_BYTES


def _shows_credential(scope: Mapping[str, Any]) -> bool:
    session = settings.SESSION_COOKIE_NAME.encode() + b"="
    return any(
        name == b"authorization" or (name == b"cookie" and session in value)
        for name, value in scope["headers"]
    )


def _declared(scope: Mapping[str, Any]) -> int:
    text = dict(scope["headers"]).get(b"content-length", b"")
    return int(text[:20]) if text.isdigit() else 0


async def _refuse(scope: Mapping[str, Any], limit: int, send: Any) -> None:
    detail = f"The request's body is larger than {limit} bytes."
    is_api = "/api/" in scope["path"]
    kind, body = (
        ("application/json", json.dumps({"detail": detail}))
        if is_api
        else ("text/plain; charset=utf-8", detail)
    )
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),  # or the server would read on what is left
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})
