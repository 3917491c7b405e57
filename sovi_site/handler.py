"""How a request meets threads: a sync view in one go, with its middleware; an async one in none."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import connections, reset_queries
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix, set_urlconf
from django.utils.log import log_response
from django.utils.module_loading import import_string

from .refusals import unavailable
from .static_files import static_files

WAITING_THREADS = 54
"""Beyond one for each connection: who waits for one is told when it takes too long."""


class Handler(ASGIHandler):
    """Django's own goes to a thread of the request's and back for each middleware.

    The thread gives its connection back before the answer is sent, however slowly that is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sync_handler = BaseHandler()
        self._sync_handler.load_middleware()
        self._threads = ThreadPoolExecutor(
            settings.SOVI_DATABASE_CONNECTIONS + WAITING_THREADS, "request", _borrow_connections
        )
        static_files()  # listed now: later it would hold up the event loop

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the chain of async views: middleware that waits for nothing, called where it is."""
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        chain = convert_exception_to_response(self._get_response_async)
        for name in reversed(settings.ASYNC_MIDDLEWARE):
            middleware = import_string(name)(chain)
            chain = convert_exception_to_response(_called_in_place(middleware))
        self._middleware_chain = chain

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=type(self), scope=scope)
        request, refusal = self.create_request(scope, body)
        if request is None:
            await self.send_response(refusal, send)
            return
        # Who has left is not answered: what still waits for a thread never runs.
        answering = asyncio.create_task(self._answer(request, send))
        listening = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait((answering, listening), return_when=asyncio.FIRST_COMPLETED)
        finally:
            answering.cancel()
            listening.cancel()
            [failure, _] = await asyncio.gather(answering, listening, return_exceptions=True)
        if isinstance(failure, Exception):
            raise failure

    async def _answer(self, request: HttpRequest, send: Any) -> None:
        response = await self.get_response_async(request)
        try:
            await self.send_response(response, send)
        finally:
            response.close()

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        if not _is_async(request):
            answering = self._threads.submit(
                copy_context().run, self._get_response_in_thread, request, time.monotonic()
            )
            answering.add_done_callback(lambda _: request.close())  # of one that never ran, too
            return await asyncio.wrap_future(answering)
        # As Django's does it, which goes to a thread to log a refusal.
        set_urlconf(settings.ROOT_URLCONF)
        response = await self._middleware_chain(request)
        response._resource_closers.append(request.close)
        if response.status_code >= 400:
            log_response(
                "%s: %s", response.reason_phrase, request.path, response=response, request=request
            )
        return response

    def _get_response_in_thread(self, request: HttpRequest, asked: float) -> HttpResponseBase:
        if time.monotonic() - asked > settings.SOVI_DATABASE_WAIT_SECONDS:
            return unavailable(request)  # all threads wait for a connection
        reset_queries()
        try:
            return self._sync_handler.get_response(request)
        finally:
            connections.close_all()

    def close(self) -> None:
        """End the threads, then close the connections that they borrowed."""
        self._threads.shutdown(cancel_futures=True)
        for connection in connections.all():
            connection.close_pool()


def _borrow_connections() -> None:
    for connection in connections.all():
        connection.borrows = True


def _is_async(request: HttpRequest) -> bool:
    try:
        return iscoroutinefunction(resolve(request.path_info).func)
    except Resolver404:
        return False


def _called_in_place(middleware: Any) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    """Return the middleware without its own async mode, which calls both hooks in a thread."""

    async def handle(request: HttpRequest) -> HttpResponseBase:
        response = None
        if hasattr(middleware, "process_request"):
            response = middleware.process_request(request)
        response = response or await middleware.get_response(request)
        if hasattr(middleware, "process_response"):
            response = middleware.process_response(request, response)
        return response

    return handle
