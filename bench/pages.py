"""Requests answered in this process from tables of two sizes, and how long each takes."""

import json
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .comparison import timed
from .fill import filled
from .scratch import set_up_django

SIZES = (100_000, 10_000_000)
QUICK_SIZES = (500, 2_000)
_LINE = "{:<44} {:>18} {:>18} {:>7} {:>9}"


class Times(NamedTuple):
    """Seconds: each request's, and each time of its rows by raw SQL and `json.dumps`."""

    requests: list[float]
    raw: list[float]
    rows: int


def print_pages(paths: dict[str, str], *, quick: bool) -> None:
    """Print each page's time at both sizes, their ratio, and how it compares with raw SQL.

    Ratios: p95 of the larger table over that of the smaller; at the larger, the median request
    over the same statement run with psycopg alone and `json.dumps` of its rows.
    """
    sizes, count = (QUICK_SIZES, 3) if quick else (SIZES, 40)
    with ExitStack() as stack:
        urls = [stack.enter_context(filled(rows, keep=not quick)) for rows in sizes]
        set_up_django()
        from django.db import connection

        stack.callback(connection.close)
        heads = [f"{rows:,} p50/p95 ms" for rows in sizes]
        print(_LINE.format("", *heads, "p95", "to raw"))
        for name, path in paths.items():
            small, large = (measured(url, path, count) for url in urls)
            print(
                _LINE.format(
                    f"{name} ({small.rows}/{large.rows} rows)",
                    *(f"{_p50(it):.1f} / {_p95(it):.1f}" for it, _, _ in (small, large)),
                    f"{_p95(large.requests) / _p95(small.requests):.2f}x",
                    f"{_p50(large.requests) / _p50(large.raw):.2f}x" if large.raw else "",
                ),
                flush=True,
            )


def measured(url: str, path: str, count: int) -> Times:
    """Ask for the page so many times, after some to warm up."""
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from events.models import ApiToken

    database = urlsplit(url).path.removeprefix("/")
    if connection.settings_dict["NAME"] != database:
        connection.close()
        connection.settings_dict["NAME"] = database
    user, _ = User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)
    ApiToken.objects.filter(user=user).delete()
    _, token = ApiToken.objects.create(user=user)
    # The API is asked by programs, with a token; the admin by people, in a session.
    client = Client(headers={"Authorization": f"Token {token}"}, SERVER_NAME="localhost")
    client.force_login(user)
    statements: list[tuple[str, Any]] = []

    def keep(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if '"system_events"."message"' in sql:
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        response = client.get(path)
    if response.status_code != 200:
        raise RuntimeError(f"{path}: {response.content!r}")
    sql, params = statements[-1]
    rows = _run(connection, sql, params)
    requests = _seconds(lambda: client.get(path).content, count)
    raw = _seconds(lambda: json.dumps(_run(connection, sql, params), default=str), count)
    return Times(requests, raw, len(rows))


def _run(connection: Any, sql: str, params: Any) -> list[Any]:
    import psycopg

    with psycopg.ClientCursor(connection.connection) as cursor:
        return cursor.execute(sql, params).fetchall()


def _seconds(operation: Callable[[], object], count: int) -> list[float]:
    timed(operation, max(2, count // 10))  # to warm up
    return timed(operation, count).operation_seconds


def _p50(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1000
