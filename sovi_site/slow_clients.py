"""Clients that send half a body, or by drops: each is answered 408 after a while.

The beginning of a request is `http_protocol`'s to wait for, and the proxy's.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from django.conf import settings

LEAST_BYTES_PER_SECOND = 1024
"""Who sends that much may take longer than SOVI_BODY_SECONDS for all of it."""
TOO_SLOW = b"The request's body did not arrive in time."


class BodyTooSlow(Exception):
    """The rest of a body did not come in time."""


class SlowClients:
    """An ASGI application that answers in another's place whose request doesn't end."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        deadline = asyncio.get_running_loop().time() + settings.SOVI_BODY_SECONDS
        is_coming = True

        async def receive_in_time() -> Mapping[str, Any]:
            nonlocal is_coming, deadline
            if not is_coming:  # what comes now is that the client has left
                message: Mapping[str, Any] = await receive()
                return message
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise BodyTooSlow from None
            is_coming = message.get("more_body", False)
            deadline += len(message.get("body", b"")) / LEAST_BYTES_PER_SECOND
            return message

        try:
            await self._application(scope, receive_in_time, send)
        except BodyTooSlow:
            await _refuse(send)


async def _refuse(send: Any) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(TOO_SLOW)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 408, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_SLOW})
