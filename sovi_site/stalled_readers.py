"""Clients that take nothing of an answer: each is cut, and what makes the answer ends at once."""

import asyncio
from collections.abc import Mapping
from typing import Any

from django.conf import settings


class StalledReaders:
    """An ASGI application that lets nobody hold another's answer by not reading it.

    Borrowed of uvicorn: the `transport` of the object whose method `send` is.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        if not isinstance(transport, asyncio.WriteTransport):
            await self._application(scope, receive, send)
            return
        is_begun = is_complete = False

        async def watched_send(message: Mapping[str, Any]) -> None:
            nonlocal is_begun, is_complete
            is_begun = True
            waiting = Waiting(transport)
            try:
                await send(message)
            finally:
                waiting.end()
            is_complete = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self._application(scope, receive, watched_send)
        except BaseException:
            if is_begun and not is_complete:
                transport.abort()  # the server would close it, and wait for who doesn't read
            raise
        if is_complete:
            Waiting(transport)  # written in full, but not read: for the server it has ended
        else:
            transport.abort()
            await asyncio.sleep(0)  # lets the server notice


class Waiting:
    """Cuts a connection once nothing of what waits to be sent has left for a while.

    It looks at what has left, not at the clock alone: a process that was stopped cuts nobody.
    """

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self._transport = transport
        self._timer: asyncio.TimerHandle | None = None
        self._look_later()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look_later(self) -> None:
        if left := self._transport.get_write_buffer_size():
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(settings.SOVI_STALL_SECONDS, self._look, left)

    def _look(self, left: int) -> None:
        if self._transport.get_write_buffer_size() == left:
            self._transport.abort()
        else:
            self._look_later()
