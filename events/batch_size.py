"""Adaptive batch size: what the last batch cost decides how much the next one holds."""

from sovi_events.following.position import MAX_ID


def next_batch_size(
    size: int, cost: float, target: float, *, fewest: int = 1, most: int = MAX_ID
) -> int:
    """Return how many rows or ids to take next, after `size` of them cost so many seconds or bytes.

    Down at once, so that one batch at most is too large; up to twice as many.
    """
    return max(fewest, min(most, int(size * target / max(cost, target / 2))))
