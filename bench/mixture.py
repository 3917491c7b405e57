"""What the filled table holds: how often each event type occurs, and the SQL that makes rows."""

from typing import NamedTuple

RARE_TYPE = "certificate_expired"
"""One event in 100,000."""

DEVICES = 50
ACCOUNTS = 3000
SILENT_DEVICE = DEVICES
"""Says nothing in the last two thirds of the time."""

DAYS = 90
SLOTS = 100_000


class EventKind(NamedTuple):
    """One kind of event; `slots` of `SLOTS` are of it."""

    category: str
    severity: str
    event_type: str
    slots: int
    has_device: bool = True
    has_account: bool = True


KINDS = (
    EventKind("scheduler", "info", "warming_started", 25_000),
    EventKind("scheduler", "info", "warming_complete", 25_000),
    EventKind("account", "info", "login_success", 17_000),
    EventKind("device", "info", "app_deleted", 6_000, has_account=False),
    EventKind("device", "info", "app_installed", 6_000, has_account=False),
    EventKind("scheduler", "info", "creation_started", 4_000, has_account=False),
    EventKind("account", "info", "account_creation_started", 4_000, has_account=False),
    EventKind("account", "info", "account_created", 3_500),
    EventKind("scheduler", "info", "scheduler_started", 1_500, has_device=False, has_account=False),
    EventKind(
        "scheduler", "info", "scheduler_stopping", 1_500, has_device=False, has_account=False
    ),
    EventKind("scheduler", "info", "scheduler_stopped", 1_500, has_device=False, has_account=False),
    EventKind("scheduler", "warning", "no_devices", 500, has_device=False, has_account=False),
    EventKind("scheduler", "warning", "creation_skipped", 1_000, has_account=False),
    EventKind("auth", "warning", "captcha_failed", 1_500),
    EventKind("scheduler", "error", "warming_failed", 200),
    EventKind("scheduler", "error", "install_failed", 100, has_account=False),
    EventKind("scheduler", "error", "login_failed", 200),
    EventKind("scheduler", "error", "device_loop_error", 100, has_account=False),
    EventKind("device", "error", "app_delete_failed", 100, has_account=False),
    EventKind("device", "error", "install_failed", 100, has_account=False),
    EventKind("account", "error", "login_failed", 150),
    EventKind("account", "error", "account_creation_failed", 50, has_account=False),
    EventKind("device", "critical", "device_disconnected", 999, has_account=False),
    EventKind("device", "critical", RARE_TYPE, 1, has_account=False),
)
assert sum(kind.slots for kind in KINDS) == SLOTS  # noqa: S101

MAKE_DEVICES = """
INSERT INTO devices (id, name)
SELECT md5('device ' || n)::uuid, 'iPhone-' || n FROM generate_series(1, %(devices)s) AS n
"""

MAKE_ACCOUNTS = """
INSERT INTO accounts (id, platform, username)
SELECT md5('account ' || n)::uuid, (ARRAY['tiktok', 'instagram'])[n %% 2 + 1], 'grind' || n
FROM generate_series(1, %(accounts)s) AS n
"""

# Everything random of a row is drawn in `drawn`, so that a seed gives the same rows every time.
# Now and then an event has another severity than its type's, comes hours late, or has a NULL.
MAKE_EVENTS = """
INSERT INTO system_events (timestamp, category, severity, event_type, device_id, account_id,
                           message, context, resolved, resolved_by, resolved_at)
SELECT at, category, CASE WHEN odd < 0.002 THEN 'warning' ELSE severity END, event_type,
    CASE WHEN has_device THEN md5('device ' || device)::uuid END,
    CASE WHEN has_account THEN md5('account ' || account)::uuid END,
    CASE event_type
        WHEN 'warming_complete' THEN
            format('Warmed %%s/grind%%s: %%s videos', platform, account, amount)
        WHEN 'device_disconnected' THEN format('iPhone-%%s: WDA not responding after 30 s', device)
        WHEN 'captcha_failed' THEN
            format('CAPTCHA of %%s not solved, task %%s', platform, md5(number::text))
        ELSE initcap(replace(event_type, '_', ' '))
            || CASE WHEN has_account THEN format(': %%s/grind%%s', platform, account) ELSE '' END
            || CASE WHEN has_device THEN format(' on iPhone-%%s', device) ELSE '' END
    END,
    CASE
        WHEN event_type = 'warming_complete' THEN jsonb_build_object(
            'platform', platform, 'videos_watched', amount, 'likes', amount / 10,
            'follows', amount / 40, 'duration_min', amount * 0.7, 'phase', 'LIGHT',
            'new_state', 'warming_p2', 'warming_day', amount %% 14 + 1)
        WHEN event_type = 'login_failed' THEN jsonb_build_object(
            'platform', platform, 'username', 'grind' || account,
            'email', format('grind%%s@example.com', account), 'step', 'login')
        WHEN event_type = 'device_disconnected' THEN jsonb_build_object(
            'device_name', 'iPhone-' || device, 'wda_port', 8100 + device)
        WHEN event_type = 'captcha_failed' THEN jsonb_build_object(
            'platform', platform, 'solver', 'capsolver', 'type', 'slide',
            'task_id', md5(number::text))
        WHEN has_account THEN jsonb_build_object('platform', platform)
        ELSE '{}'
    END,
    CASE WHEN state >= 0.02 THEN true WHEN state >= 0.001 THEN false END,
    CASE WHEN state >= 0.02 THEN
        CASE WHEN state < 0.07 THEN 'llm_agent' WHEN state < 0.22 THEN 'human' ELSE 'auto' END
    END,
    CASE WHEN state >= 0.02 THEN
        least(at + interval '1 minute' * amount, %(end)s::timestamptz)
    END
FROM (
    SELECT number, state, odd, amount, account, (ARRAY['tiktok', 'instagram'])[account %% 2 + 1]
            AS platform, kinds.*,
        CASE WHEN odd BETWEEN 0.5 AND 0.51 AND number < %(rows)s / 3 THEN %(silent_device)s
             ELSE (account * 11 + which %% (account %% 3 + 1)) %% (%(devices)s - 1) + 1
        END AS device,
        %(end)s::timestamptz - interval '1 day' * %(days)s * (1 - number::float8 / %(rows)s)
            - CASE WHEN late < 0.001 THEN interval '1 hour' * late * 3000 ELSE '0' END AS at
    FROM (
        SELECT number, random() AS state, random() AS odd, random() AS late,
            (random() * 80)::int + 5 AS amount, (random() * 6)::int AS which,
            floor(random() * %(accounts)s)::int + 1 AS account,
            (%(slots)s::int2[])[floor(random() * array_length(%(slots)s::int2[], 1))::int + 1]
                AS kind
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS number OFFSET 0
    ) AS drawn
    JOIN (SELECT * FROM unnest(%(category)s::text[], %(severity)s::text[], %(event_type)s::text[],
                               %(has_device)s::bool[], %(has_account)s::bool[]) WITH ORDINALITY
          AS kind (category, severity, event_type, has_device, has_account, position)) AS kinds
    ON kinds.position = drawn.kind
    ORDER BY number
) AS made
"""
