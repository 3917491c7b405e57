"""Adopt SOVI's three tables where they stand, create them where they don't.

Reversing leaves all three, with their rows: they are SOVI's.
"""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

DEVICES = """
CREATE TABLE IF NOT EXISTS devices (
    id   UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name TEXT NOT NULL
)
"""

ACCOUNTS = """
CREATE TABLE IF NOT EXISTS accounts (
    id       UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    platform TEXT NOT NULL,
    username TEXT NOT NULL
)
"""

# The specification's, word for word.
SYSTEM_EVENTS = """
CREATE TABLE IF NOT EXISTS system_events (
    id          BIGSERIAL PRIMARY KEY,
    timestamp   TIMESTAMPTZ NOT NULL DEFAULT now(),
    category    TEXT NOT NULL,          -- scheduler, account, device, auth
    severity    TEXT NOT NULL,          -- info, warning, error, critical
    event_type  TEXT NOT NULL,          -- warming_complete, login_failed, etc.
    device_id   UUID REFERENCES devices(id),
    account_id  UUID REFERENCES accounts(id),
    message     TEXT NOT NULL,          -- Human-readable description
    context     JSONB DEFAULT '{}',     -- Structured metadata
    resolved    BOOLEAN DEFAULT false,
    resolved_by TEXT,                   -- human, llm_agent, auto
    resolved_at TIMESTAMPTZ
)
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(statement, migrations.RunSQL.noop)
                for statement in (DEVICES, ACCOUNTS, SYSTEM_EVENTS)
            ],
            state_operations=[
                migrations.CreateModel(
                    name="Device",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False),
                        ),
                        ("name", models.TextField()),
                    ],
                    options={"db_table": "devices", "default_permissions": ("view",)},
                ),
                migrations.CreateModel(
                    name="Account",
                    fields=[
                        (
                            "id",
                            models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False),
                        ),
                        ("platform", models.TextField()),
                        ("username", models.TextField()),
                    ],
                    options={"db_table": "accounts", "default_permissions": ("view",)},
                ),
                migrations.CreateModel(
                    name="SystemEvent",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        (
                            "timestamp",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now()
                            ),
                        ),
                        ("category", models.TextField()),
                        ("severity", models.TextField()),
                        ("event_type", models.TextField()),
                        ("message", models.TextField()),
                        ("context", models.JSONField(db_default={}, null=True)),
                        ("resolved", models.BooleanField(db_default=False, null=True)),
                        ("resolved_by", models.TextField(blank=True, null=True)),
                        ("resolved_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "account",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="events",
                                to="events.account",
                            ),
                        ),
                        (
                            "device",
                            models.ForeignKey(
                                blank=True,
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.DO_NOTHING,
                                related_name="events",
                                to="events.device",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "system_events",
                        "permissions": [
                            ("resolve_systemevent", "Can resolve and reopen system events")
                        ],
                        "default_permissions": ("add", "view"),
                    },
                ),
            ],
        ),
    ]
