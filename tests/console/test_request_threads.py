"""A request crosses into a thread once, with all of its middleware; what needs none, never."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from emission import run
from patience import eventually
from streaming import make_token

from events.reading.raw_sql import read_rows
from sovi_site.handler import Handler

pytestmark = pytest.mark.django_db(transaction=True)

seen: list[tuple[str, str]] = []
"""(what, the name of the thread it ran in), in order."""


def outer(get_response: Callable[[HttpRequest], HttpResponse]) -> object:
    return _recorder("outer", get_response)


def inner(get_response: Callable[[HttpRequest], HttpResponse]) -> object:
    return _recorder("inner", get_response)


def _recorder(name: str, get_response: Callable[[HttpRequest], HttpResponse]) -> object:
    def middleware(request: HttpRequest) -> HttpResponse:
        seen.append((f"{name} before", threading.current_thread().name))
        response = get_response(request)
        seen.append((f"{name} after", threading.current_thread().name))
        return response

    return middleware


@pytest.fixture
def handler() -> Iterator[Handler]:
    from django.conf import settings

    seen.clear()
    chain = [f"{__name__}.outer", *settings.MIDDLEWARE, f"{__name__}.inner"]
    with override_settings(MIDDLEWARE=chain):
        handler = Handler()
    yield handler
    handler.close()


SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/admin/login/",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
}


async def ask(handler: Handler, path: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(handler)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path, headers=headers)


def get(handler: Handler, path: str, **headers: str) -> httpx.Response:
    return asyncio.run(ask(handler, path, **headers))


def test_all_of_the_middleware_and_the_view_run_in_one_thread(handler: Handler) -> None:
    token = make_token()
    for _ in range(3):
        seen.clear()
        answer = get(handler, "/api/events", Authorization=f"Token {token}")
        assert answer.status_code == 200
        assert [what for what, _ in seen] == [
            "outer before",
            "inner before",
            "inner after",
            "outer after",
        ]
        [thread] = {thread for _, thread in seen}
        assert thread.startswith("request_")


def test_what_needs_no_thread_starts_none(handler: Handler) -> None:
    async def threads_after(path: str, **headers: str) -> tuple[int, set[str]]:
        before = {thread.name for thread in threading.enumerate()}
        status = (await ask(handler, path, **headers)).status_code
        return status, {thread.name for thread in threading.enumerate()} - before

    def asked(path: str, **headers: str) -> tuple[int, set[str]]:
        return asyncio.run(threads_after(path, **headers))

    assert asked("/static/admin/css/base.css") == (200, set())
    assert asked("/static/nothing") == (404, set())
    assert asked("/api/logs/stream") == (401, set())
    assert seen == []


def test_static_files_have_the_headers_of_pages_and_those_of_whitenoise(handler: Handler) -> None:
    path = "/static/admin/css/base.css"
    whole = get(handler, path)
    page = get(handler, "/admin/login/").headers
    for name in ("X-Content-Type-Options", "Content-Security-Policy", "X-Frame-Options"):
        assert whole.headers[name] == page[name]
    assert page["Content-Security-Policy"].startswith("default-src 'self'; img-src 'self' data:; ")
    assert whole.headers["Content-Type"].startswith("text/css")
    assert int(whole.headers["Content-Length"]) == len(whole.content)
    assert get(handler, path, Range="bytes=10-19").content == whole.content[10:20]
    same = get(handler, path, **{"If-None-Match": whole.headers["ETag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert not {"Content-Type", "Content-Length"} & {*same.headers}


def test_who_waits_too_long_for_a_thread_is_answered_503(handler: Handler) -> None:
    free = threading.Event()
    for _ in range(handler._threads._max_workers):
        handler._threads.submit(free.wait)

    async def late() -> httpx.Response:
        asking = asyncio.create_task(ask(handler, "/admin/"))
        await asyncio.to_thread(eventually, handler._threads._work_queue.qsize)
        free.set()
        return await asking

    with override_settings(SOVI_DATABASE_WAIT_SECONDS=0):
        assert asyncio.run(late()).status_code == 503


def test_a_request_whose_client_left_is_not_begun(handler: Handler) -> None:
    free = threading.Event()
    for _ in range(handler._threads._max_workers):
        handler._threads.submit(free.wait)

    async def leave() -> None:
        messages = iter([{"type": "http.request"}, {"type": "http.disconnect"}])

        async def receive() -> dict[str, str]:
            return next(messages)

        async def send(message: object) -> None:
            raise AssertionError(message)

        await handler(SCOPE, receive, send)

    asyncio.run(leave())
    free.set()
    assert get(handler, "/admin/login/").status_code == 200
    assert [what for what, _ in seen].count("outer before") == 1


@pytest.mark.parametrize("prepared", ["1", "0"])
def test_a_credential_is_planned_once_for_each_connection(
    handler: Handler, prepared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plans() -> list[tuple[int]]:
        try:
            return read_rows(PLANS)
        finally:
            connections.close_all()

    monkeypatch.setenv("SOVI_PREPARED_STATEMENTS", prepared)
    token = make_token()
    for _ in range(3):
        assert get(handler, "/api/events", Authorization=f"Token {token}").status_code == 200
    assert handler._threads.submit(plans).result() == [(3,)] * int(prepared)


def test_a_plan_that_no_longer_fits_is_done_without(handler: Handler) -> None:
    token = make_token()

    def ask_for_list() -> int:
        return get(handler, "/api/events", Authorization=f"Token {token}").status_code

    assert ask_for_list() == 200
    run("ALTER TABLE auth_user ALTER username TYPE varchar(151)")
    try:
        assert [ask_for_list(), ask_for_list()] == [200, 200]
    finally:
        run("ALTER TABLE auth_user ALTER username TYPE varchar(150)")


PLANS = """
SELECT generic_plans + custom_plans FROM pg_prepared_statements
WHERE statement LIKE '%events_api_token%'
"""
