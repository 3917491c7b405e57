"""Raise at each line that a task runs in the library, and emit on."""

import asyncio
import sys
from typing import Any

from sovi import events


async def emit(message: str) -> int | None:
    return await events.async_emit("auth", "info", "captcha_failed", message)


async def emit_some() -> None:
    assert await emit("first")
    for point in range(60):
        left = point

        def interrupt(frame: Any, what: str, argument: Any) -> Any:
            nonlocal left
            if not left:
                sys.settrace(None)
                raise KeyboardInterrupt
            left -= "sovi_events" in frame.f_code.co_filename
            return interrupt

        try:
            sys.settrace(interrupt)
            await emit(f"interrupted/{point}")
        except KeyboardInterrupt:
            pass
        sys.settrace(None)
        assert await emit(f"after/{point}")
        if left > 0:
            break


asyncio.run(emit_some())
