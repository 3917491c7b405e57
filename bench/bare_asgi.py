"""The least an ASGI application can do: write a file's bytes to all who wait, when told to."""

import asyncio
import os
from pathlib import Path
from typing import Any

PIECE_BYTES = 64 * 1024

written = Path(os.environ["BARE_BYTES"]).read_bytes()
go = asyncio.Event()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    kind = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": kind})
    if scope["path"] == "/go":
        go.set()
    elif scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"\n", "more_body": True})
        await go.wait()
        for start in range(0, len(written), PIECE_BYTES):
            piece = written[start : start + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
