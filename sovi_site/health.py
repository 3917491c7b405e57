"""For load balancers and supervisors: does the process answer, can it serve.

ASGI applications beside Django, as they are asked every second, by many, and by anybody.
"""

from typing import Any

from events.health.readiness import current_readiness


async def healthz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The process answers."""
    await _answer(scope, send, 200, b'{"status": "ok"}')


async def readyz(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """It can serve; 503 otherwise, and the log says why."""
    if await current_readiness().is_ready():
        await _answer(scope, send, 200, b'{"status": "ok"}')
    else:
        await _answer(scope, send, 503, b'{"status": "unavailable"}')


async def _answer(scope: dict[str, Any], send: Any, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
    ]
    if scope["method"] not in ("GET", "HEAD"):
        status, body = 405, b'{"detail": "This is read by GET."}'
        headers.append((b"allow", b"GET, HEAD"))
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


PROBES = {"/healthz": healthz, "/readyz": readyz}
