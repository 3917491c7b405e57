"""The SQL that keeps `event_rollups` true.

Note: what the rollups hold. They count the events that are there with an id up to the mark,
whatever their time: below a settled id none will appear, below a time some may, when a spool drains
hours later. So rolling up advances by ids, and what has a higher id is counted where it lies. Who
deletes events takes them out of the rollups in the same transaction. Both hold `LOCK` meanwhile.
"""

from sovi_events.statements import highest_id, numbering

LOCK = "SELECT pg_advisory_xact_lock(8317708086930599788)"
"""Of the transaction; each statement after it sees what the holder before has committed."""

TRY_LOCK = """
SELECT current_setting('transaction_read_only') = 'off'
   AND pg_try_advisory_xact_lock(8317708086930599788)
"""

# Without a mark below the first event, of other programs too, whose ids may be negative.
MARK = """
SELECT coalesce(
    (SELECT event_id FROM event_rollup_mark),
    (SELECT greatest(least(min(id), 1), -9223372036854775807) - 1 FROM system_events)
)
"""

_NUMBERING = numbering("system_events")

PROGRESS = f"""
SELECT ({MARK}), ({highest_id("system_events")}),
       (SELECT numbering <> ({_NUMBERING}) FROM event_rollup_mark)
"""  # noqa: S608
"""The mark, the last id given out, and whether the ids were given out anew since."""

MOVE_MARK = f"""
INSERT INTO event_rollup_mark (id, event_id, numbering) VALUES (1, %(upto)s, ({_NUMBERING}))
ON CONFLICT (id) DO UPDATE SET event_id = excluded.event_id, numbering = excluded.numbering
"""  # noqa: S608

NEXT_CHUNK = """
SELECT count(*), max(id) FROM (
    SELECT id FROM system_events WHERE id > %(mark)s AND id <= %(settled)s
    ORDER BY id LIMIT %(rows)s
) AS chunk
"""

GRAINS = (1440, 60, 15)
"""Minutes of a slot. Days and hours answer long ranges, quarters the zones half an hour off."""


def slot(time: str, minutes: int) -> str:
    """The slot that holds a time, both SQL."""
    # From 2000, PostgreSQL's own zero, so that a slot is found for every time it can hold.
    return f"date_bin('{minutes} minutes', {time}, '2000-01-01 00:00:00+00')"


def add(source: str, *, sign: str = "") -> str:
    """Add rows of `system_events` to the rollups; with the `sign` "-", take them out."""
    sizes = ", ".join(f"({minutes})" for minutes in GRAINS)
    return f"""
INSERT INTO event_rollups
    (grain, by_device, slot, digest, severity, category, event_type, device_id, events)
WITH quarters AS MATERIALIZED (
    SELECT grouping(event_type) = 1 AS by_device, slot, severity, category, event_type, device_id,
           count(*) AS events
    FROM (SELECT {slot("timestamp", 15)} AS slot, severity, category, event_type, device_id
          FROM {source}) AS event
    GROUP BY GROUPING SETS ((slot, severity, category, event_type), (slot, severity, device_id))
)
SELECT grain, by_device, start, md5(ROW(severity, category, event_type, device_id)::text)::uuid,
       severity, category, event_type, device_id, {sign}sum(events)
FROM quarters CROSS JOIN (VALUES {sizes}) AS size (grain)
CROSS JOIN date_bin(make_interval(mins => grain), slot, '2000-01-01 00:00:00+00') AS start
GROUP BY grain, by_device, start, severity, category, event_type, device_id
ON CONFLICT (grain, by_device, slot, digest)
DO UPDATE SET events = event_rollups.events + excluded.events
"""  # noqa: S608 - made of constants alone


ROLL_UP = add("(SELECT * FROM system_events WHERE id > %(mark)s AND id <= %(upto)s) AS chunk")

TIDY = f"""
DELETE FROM event_rollups
WHERE events = 0 AND grain IN {GRAINS} AND by_device IN (false, true) AND slot <= %(last)s
  AND slot >= coalesce({slot("%(after)s::timestamptz", max(GRAINS))}, '-infinity')
"""  # noqa: S608
"""Forget the slots after `after`, None for all, to `last` that were emptied."""

CLEAR = "TRUNCATE event_rollups, event_rollup_mark"
