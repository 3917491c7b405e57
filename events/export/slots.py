"""How many exports a user has open at once in this process."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing

EXPORTS_PER_USER = 8

_open: Counter[object] = Counter()
"""By user; changed by the event loop alone."""


class TooManyExports(Exception):
    """The user has as many as one may."""


def has_room(user_id: object) -> bool:
    return _open[user_id] < EXPORTS_PER_USER


async def counted(chunks: AsyncGenerator[bytes], user_id: object) -> AsyncGenerator[bytes]:
    """Yield the chunks of a user's export, which counts until it ends. Raises `TooManyExports`."""
    if not has_room(user_id):  # of many requests at once, more may have passed the view's check
        raise TooManyExports
    _open[user_id] += 1
    try:
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk
    finally:
        _open[user_id] -= 1
        if not _open[user_id]:
            del _open[user_id]
