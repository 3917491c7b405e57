"""The connections that requests borrow: psycopg's pool, as Django's backend is told to make it."""

import threading
from typing import Any

from psycopg_pool import ConnectionPool


def pool_options(most: int, wait_seconds: float) -> dict[str, Any] | None:
    """Return what Django's backend passes to the pool; None where there is to be none.

    It opens connections as they are needed, at most so many, and closes those that idle for long.
    Who waits longer for one than `wait_seconds` gets psycopg_pool's PoolTimeout.
    """
    if not most:
        return None
    return {
        "name": "requests",
        "min_size": 0,
        "max_size": most,
        "timeout": wait_seconds,
        "max_idle": 60.0,  # one at a time
        "reconnect_timeout": 0.0,
        "reconnect_failed": close_if_empty,
    }


def close_if_empty(pool: ConnectionPool[Any]) -> None:
    """Where no connection can be made and none is left, let who waits know at once.

    They get psycopg_pool's PoolClosed, else they would wait to the end of their time. Where some
    are left, waiting for one of them makes sense.
    """
    if pool.get_stats()["pool_size"] == 0:
        # The pool waits for its threads, of which this is one.
        threading.Thread(target=pool.close, name="closing the pool", daemon=True).start()
