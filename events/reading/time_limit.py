"""How long PostgreSQL may take for what somebody waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction

NARROW = "Narrow the range: a span of time, a device, an account or an event type."

# A page fills from its first rows on, mostly long before the whole table would have been read;
# nothing that somebody waits for is worth compiling.
_SETTINGS = ("statement_timeout", "enable_seqscan", "jit")
_READ = f"SELECT {', '.join(f'current_setting({name!r})' for name in _SETTINGS)}"
_SET = f"SELECT {', '.join(f'set_config({name!r}, %s, true)' for name in _SETTINGS)}"


class TookTooLong(Exception):
    """A statement was stopped at its limit; the message says what may help."""

    def __init__(self, seconds: float, advice: str = NARROW) -> None:
        super().__init__(f"The query took longer than {seconds:g} s. {advice}")


@contextmanager
def time_limit(seconds: float | None = None, *, advice: str = NARROW) -> Iterator[None]:
    """Stop any statement of the block that takes longer; by default what the site allows.

    The block is one transaction, or a part of the caller's: the setting ends with it, so that it
    works behind a pooler too. Raises `TookTooLong`, which gives the advice.
    """
    limit = settings.SOVI_QUERY_TIMEOUT_SECONDS if seconds is None else seconds
    is_part = connection.in_atomic_block
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if is_part:
                cursor.execute(_READ)
                [before] = cursor.fetchall()
            cursor.execute(_SET, [str(int(limit * 1000)), "off", "off"])
            yield
            if is_part:
                cursor.execute(_SET, before)
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TookTooLong(limit, advice) from error
        raise
