"""How much one transaction of a bulk job takes on, learnt from how long the last ones took."""

from dataclasses import dataclass

from events.batch_size import next_batch_size

TARGET_SECONDS = 0.06
"""Of a transaction; others wait about that long at most for the rows it holds. A third of what a
statement may take: on a busy machine, aiming at half of it, one in seven was undone."""
STATEMENT_SECONDS = 0.18
LOCK_SECONDS = 0.1
"""A statement that takes longer is undone, and the next attempt is half the size."""

MAX_ROWS = 5000


@dataclass
class ChunkSize:
    """Events changed and ids looked through by the next transaction, at most.

    Where few match, it is the ids that take the time; where all do, the events.
    """

    rows: int = 250
    ids: int = 5000

    def adapt(self, seconds: float, *, is_full: bool) -> None:
        """Take on more or less after a transaction; `is_full` tells that `rows` were its bound."""
        if is_full or seconds > TARGET_SECONDS:
            self.rows = next_batch_size(self.rows, seconds, TARGET_SECONDS, most=MAX_ROWS)
        if not is_full or seconds > TARGET_SECONDS:
            self.ids = next_batch_size(self.ids, seconds, TARGET_SECONDS)

    def halve(self) -> None:
        self.rows, self.ids = max(self.rows // 2, 1), max(self.ids // 2, 1)
