"""A connection on which nothing takes longer than it may."""

import math
import time
from functools import cached_property

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow

CHECK_SECONDS = 0.1
"""How often a wait looks at whether the socket was closed meanwhile."""


class BoundedConnection(psycopg.Connection[TupleRow]):
    """Statements raise psycopg.OperationalError at `deadline`, in `time.monotonic`'s seconds.

    The connection is of no use then: the server may still be at it.
    """

    deadline = math.inf

    @cached_property
    def reused(self) -> psycopg.Cursor[TupleRow]:
        """A cursor for one statement after the other: making one takes a tenth of a short one."""
        return self.cursor()

    def wait(
        self, gen: PQGen[RV], interval: float = CHECK_SECONDS, timeout: float | None = None
    ) -> RV:
        if timeout is None and self.deadline != math.inf:
            timeout = max(0.0, self.deadline - time.monotonic())
        return super().wait(gen, interval, timeout)
