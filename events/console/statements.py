"""The dashboard's SQL; each statement reads by an index, within the settings.

`severity BETWEEN x AND x ORDER BY severity, id` says "severity = x ORDER BY id" in a way that only
an index on both answers without sorting: the planner would else walk the index on ids and pass over
every row of another severity, which for a rare one is the whole table.
"""

SETTINGS = """
SELECT set_config(name, value, TRUE) FROM (VALUES
    ('statement_timeout', %(timeout)s::text),
    ('enable_sort', 'off'), ('enable_bitmapscan', 'off'),
    ('jit', 'off')
) AS setting (name, value)
"""
"""Of the transaction: to stop at an index's first rows, without compiling what takes no time."""

UNRESOLVED = """
SELECT known.severity, count(newest.timestamp),
    count(newest.timestamp) FILTER (WHERE newest.timestamp >= now() - interval '1 hour'),
    count(newest.timestamp) FILTER (WHERE newest.timestamp >= now() - interval '1 day')
FROM unnest(%(severities)s::text[]) AS known (severity)
LEFT JOIN LATERAL (
    SELECT timestamp FROM system_events AS event
    WHERE event.severity BETWEEN known.severity AND known.severity AND event.resolved IS NOT TRUE
    ORDER BY event.severity DESC, event.id DESC LIMIT %(bound)s + 1
) AS newest ON TRUE
GROUP BY known.severity
"""
"""Unresolved events by severity, the newest first: how many, of the last hour, of the last day."""

RESOLVED_SINCE = """
WITH recent AS (
    SELECT id, timestamp, action, events FROM event_actions ORDER BY id DESC LIMIT %(actions)s
), resolved AS (
    SELECT event.id, event.severity, event.timestamp, event.resolved_at, recent.timestamp AS acted
    FROM recent
    CROSS JOIN LATERAL unnest(recent.events) AS ids
    CROSS JOIN LATERAL (
        SELECT * FROM system_events AS changed
        WHERE changed.id >= lower(ids) AND changed.id < upper(ids) AND changed.resolved
    ) AS event
    WHERE recent.action = 'resolve' AND recent.timestamp >= now() - interval '1 day'
    ORDER BY recent.id DESC LIMIT %(bound)s
), known_from AS (
    SELECT greatest(
        (SELECT CASE WHEN count(*) = %(actions)s THEN min(timestamp) END FROM recent),
        (SELECT CASE WHEN count(*) = %(bound)s THEN min(acted) END FROM resolved),
        '-infinity'
    ) AS instant
)
SELECT period.seconds, known.severity, count(DISTINCT resolved.id)
FROM (VALUES (3600), (86400)) AS period (seconds)
CROSS JOIN unnest(%(severities)s::text[]) AS known (severity)
CROSS JOIN known_from
LEFT JOIN resolved ON resolved.severity = known.severity
    AND resolved.resolved_at >= now() - make_interval(secs => period.seconds)
    AND resolved.timestamp < now() - make_interval(secs => period.seconds)
WHERE known_from.instant < now() - make_interval(secs => period.seconds)
GROUP BY 1, 2
"""
"""Events older than a period that were resolved within it, by severity; no row for a period in
which more was done than is read."""

_FAILURES = """
SELECT event_type, device_id, account_id
FROM unnest(%(severities)s::text[]) AS known (severity)
CROSS JOIN LATERAL (
    SELECT event_type, device_id, account_id FROM system_events AS event
    WHERE event.severity BETWEEN known.severity AND known.severity AND event.resolved IS NOT TRUE
    ORDER BY event.severity DESC, event.id DESC LIMIT %(bound)s
) AS newest
"""

TOP = {
    column: f"""
SELECT {column}, count(*) FROM ({_FAILURES}) AS failures
WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(rows)s
"""  # noqa: S608 - made of constants alone
    for column in ("event_type", "device_id", "account_id")
}
"""What most of the newest unresolved failures have in common."""

HISTOGRAM = """
SELECT date_bin(make_interval(secs => %(seconds)s), timestamp, 'epoch'), severity, count(*)
FROM system_events WHERE timestamp >= %(start)s AND timestamp < %(end)s
GROUP BY 1, 2
"""
"""Events by interval, aligned to the epoch, and severity."""
