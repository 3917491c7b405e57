"""How many events match, estimated from windows of ids spread evenly over them."""

from events.models.event import SystemEventQuerySet
from events.reading.raw_sql import read_rows

WINDOWS = 100
WINDOW_IDS = 1000
"""Together they bound the rows that are read, whatever the filter and the table."""

COUNT_IN_WINDOWS = """
SELECT severity, count(*)
FROM unnest(%s::bigint[]) AS sampled (first)
CROSS JOIN LATERAL (SELECT severity FROM ({wanted}) AS wanted (id, severity)
                    WHERE id BETWEEN sampled.first AND sampled.first + {last}) AS found
GROUP BY severity ORDER BY count(*) DESC, severity
"""


def estimate(events: SystemEventQuerySet, first_id: int, last_id: int) -> dict[str, int]:
    """Return about how many of `events` have ids in this range, by severity, the most first.

    Where few of many match, it may find none.
    """
    span = last_id - first_id + 1
    windows = min(WINDOWS, span)
    width = min(WINDOW_IDS, span // windows)
    # Each window stands at the start of an equal part of the range.
    firsts = [first_id + span * number // windows for number in range(windows)]
    wanted, params = events.order_by().values_list("pk", "severity").query.sql_with_params()
    statement = COUNT_IN_WINDOWS.format(wanted=wanted, last=width - 1)
    found = dict(read_rows(statement, [firsts, *params]))
    return {severity: round(rows * span / (windows * width)) for severity, rows in found.items()}
