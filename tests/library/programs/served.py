"""A WSGI application that emits each query string, and something while it is loaded."""

from collections.abc import Callable
from typing import Any

from noting import emit

emit("while loading, before it forks")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    answer = str(emit(environ["QUERY_STRING"])).encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
