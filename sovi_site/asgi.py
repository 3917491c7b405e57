"""The application under an ASGI server: what runs beside its requests, and ends when it stops."""

import asyncio
import os
import signal
import threading
from functools import partial
from types import FrameType
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sovi_site.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402 - needs Django set up

from events.bulk.workers import workers  # noqa: E402
from events.stream.hub import current_hub  # noqa: E402
from sovi_site.body_limit import BodyLimit  # noqa: E402
from sovi_site.handler import Handler  # noqa: E402
from sovi_site.health import PROBES  # noqa: E402
from sovi_site.slow_clients import SlowClients  # noqa: E402
from sovi_site.stalled_readers import StalledReaders  # noqa: E402

handler = Handler()
guarded_handler = BodyLimit(SlowClients(handler))
STOPPING = (signal.SIGINT, signal.SIGTERM)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        await requests(scope, receive, send)
    else:
        raise ValueError(f"This speaks HTTP, not {scope['type']}.")


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            _end_streams_on_signals()
            workers.watch(settings.SOVI_BULK_WATCH_SECONDS)
        else:
            await asyncio.to_thread(workers.close)
            await asyncio.to_thread(handler.close)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _end_streams_on_signals() -> None:
    """Let streams end first: a server waits for its responses, and a stream would never end."""
    if threading.current_thread() is not threading.main_thread():
        return  # signals are another's affair then
    loop, hub = asyncio.get_running_loop(), current_hub()

    def stop(server_handler: Any, number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(hub.close)
        if callable(server_handler):
            server_handler(number, frame)

    for number in STOPPING:
        signal.signal(number, partial(stop, signal.getsignal(number)))


async def _answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
    probe = PROBES.get(scope["path"].removeprefix(scope.get("root_path", "")))
    await (probe or guarded_handler)(scope, receive, send)


requests = StalledReaders(_answer)
