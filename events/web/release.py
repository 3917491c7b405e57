"""What Django holds for a request while it lasts is let go of: a stream may last for days."""

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections


async def close_connections() -> None:
    """Close the request's database connections."""
    await sync_to_async(connections.close_all)()


async def release_request() -> None:
    """Close the request's database connections, and end the thread that its sync parts ran in.

    Django gives each request a thread of its own and keeps it to the end; another one is made where
    something sync still runs when the stream has ended.
    """
    await close_connections()
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        executor = SyncToAsync.context_to_thread_executor.pop(context, None)
        if executor is not None:
            executor.shutdown(wait=False)
