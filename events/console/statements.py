"""The dashboard's SQL; each statement reads by an index, with others turned off (`ALONG_INDEXES`).

`severity BETWEEN x AND x ORDER BY severity, id` says "severity = x ORDER BY id" in a way that only
an index on both answers without sorting: the planner would else walk the index on ids and pass over
every row of another severity, which for a rare one is the whole table.
"""

FIRST_SINCE = """
SELECT (
    SELECT coalesce(min(id), 9223372036854775807) FROM (
        SELECT id FROM system_events
        WHERE timestamp >= now() - make_interval(secs => period.seconds)
        ORDER BY timestamp, id LIMIT %(rows)s
    ) AS first
) FROM unnest(%(periods)s::integer[]) WITH ORDINALITY AS period (seconds, place) ORDER BY place
"""
"""The ids that arrivals of the last so many seconds begin at; few rows of a time come late, with
higher ids, so that the first rows by time tell."""

UNRESOLVED = """
SELECT known.severity, counted.*
FROM unnest(%(severities)s::text[]) AS known (severity)
CROSS JOIN LATERAL (
    SELECT count(*), min(id),
        count(*) FILTER (WHERE id >= %(hour)s), count(*) FILTER (WHERE id >= %(day)s)
    FROM (
        SELECT id FROM system_events AS event
        WHERE event.severity BETWEEN known.severity AND known.severity
            AND event.resolved IS NOT TRUE
        ORDER BY event.severity DESC, event.id DESC LIMIT %(bound)s + 1
    ) AS newest
) AS counted
"""
"""Unresolved events by severity, the newest first: how many, the oldest read, how many from the id
on that the last hour begins at, and the last day. The index answers it alone."""

RESOLVED_SINCE = """
WITH recent AS (
    SELECT id, timestamp, action, events,
        sum((SELECT sum(upper(ids) - lower(ids)) FROM unnest(events) AS ids))
            OVER (ORDER BY id DESC) AS changed_since
    FROM (SELECT * FROM event_actions ORDER BY id DESC LIMIT %(actions)s) AS latest
), resolved AS (
    SELECT event.id, event.severity, event.resolved_at
    FROM recent
    CROSS JOIN LATERAL unnest(recent.events) AS ids
    CROSS JOIN LATERAL (
        SELECT * FROM system_events AS changed
        WHERE changed.id >= lower(ids) AND changed.id < upper(ids) AND changed.resolved
    ) AS event
    WHERE recent.action = 'resolve' AND recent.timestamp >= now() - interval '1 day'
        AND changed_since <= %(bound)s
    LIMIT %(bound)s
), known_from AS (
    SELECT greatest(
        (SELECT CASE WHEN count(*) = %(actions)s THEN min(timestamp) END FROM recent),
        (SELECT max(timestamp) FROM recent WHERE changed_since > %(bound)s),
        '-infinity'
    ) AS instant
)
SELECT period.seconds, known.severity, count(DISTINCT resolved.id)
FROM (VALUES (3600, %(hour)s), (86400, %(day)s)) AS period (seconds, first_id)
CROSS JOIN unnest(%(severities)s::text[]) AS known (severity)
CROSS JOIN known_from
LEFT JOIN resolved ON resolved.severity = known.severity
    AND resolved.resolved_at >= now() - make_interval(secs => period.seconds)
    AND resolved.id < period.first_id
WHERE known_from.instant < now() - make_interval(secs => period.seconds)
GROUP BY 1, 2
"""
"""Events from before a period that were resolved within it, by severity; no row for a period in
which more was done than is read."""

TOPS = """
SELECT event_type, device_id, account_id, devices.name,
    accounts.id IS NOT NULL, accounts.platform, accounts.username, events
FROM (
    SELECT event_type, device_id, account_id, count(*) AS events, row_number() OVER (
        PARTITION BY GROUPING(event_type, device_id, account_id)
        ORDER BY count(*) DESC, event_type, device_id, account_id
    ) AS place
    FROM unnest(%(severities)s::text[]) AS known (severity)
    CROSS JOIN LATERAL (
        SELECT event_type, device_id, account_id FROM system_events AS event
        WHERE event.severity BETWEEN known.severity AND known.severity
            AND event.resolved IS NOT TRUE
        ORDER BY event.severity DESC, event.id DESC LIMIT %(bound)s
    ) AS newest
    GROUP BY GROUPING SETS ((event_type), (device_id), (account_id))
    HAVING event_type IS NOT NULL OR device_id IS NOT NULL OR account_id IS NOT NULL
) AS shared
LEFT JOIN devices ON devices.id = device_id LEFT JOIN accounts ON accounts.id = account_id
WHERE place <= %(rows)s ORDER BY events DESC, place
"""
"""What most of the newest unresolved failures have in common: each row names one of the three."""

PROBLEMS = """
WITH newest AS MATERIALIZED (
    SELECT known.gravity, event.*
    FROM unnest(%(severities)s::text[]) WITH ORDINALITY AS known (severity, gravity)
    CROSS JOIN LATERAL (
        SELECT id, timestamp, severity, category, event_type, device_id, account_id
        FROM system_events AS event
        WHERE event.severity BETWEEN known.severity AND known.severity
            AND event.resolved IS NOT TRUE AND event.id <= %(newest_id)s
        ORDER BY event.severity DESC, event.id DESC LIMIT %(bound)s + 1
    ) AS event
), cut AS MATERIALIZED (
    SELECT array(
        SELECT severity FROM newest GROUP BY severity HAVING count(*) > %(bound)s
    ) AS severities
), kinds AS (
    SELECT event_type, device_id, account_id,
        count(*) AS events, min(timestamp) AS first_seen, max(timestamp) AS last_seen,
        max(id) AS latest_id, min(gravity) AS gravity,
        bool_or(severity = ANY((SELECT severities FROM cut)::text[])) AS is_cut,
        array_agg(
            floor(extract(epoch FROM %(now)s - timestamp) / %(interval_seconds)s)::int
        ) FILTER (
            WHERE timestamp <= %(now)s
                AND timestamp > %(now)s - make_interval(secs => %(span_seconds)s)
        ) AS intervals_ago
    FROM newest
    WHERE category = ANY(%(categories)s::text[]) OR cardinality(%(categories)s::text[]) = 0
    GROUP BY event_type, device_id, account_id
)
SELECT cut.severities AS cut, gravest.*
FROM cut
LEFT JOIN (
    SELECT *, count(*) OVER () AS kinds FROM kinds
    ORDER BY gravity, last_seen DESC, latest_id DESC LIMIT %(rows)s
) AS gravest ON TRUE
ORDER BY gravest.gravity, gravest.last_seen DESC, gravest.latest_id DESC
"""
"""The newest unresolved events by kind, the gravest first: one row a kind, or one of NULLs.

Each row begins with the severities of which there are more events than were read.
"""
