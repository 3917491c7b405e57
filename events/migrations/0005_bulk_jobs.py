"""Resolving and reopening all that matches, as jobs."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0004_receipts"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "action",
                    models.TextField(choices=[("resolve", "Resolve"), ("reopen", "Reopen")]),
                ),
                ("filters", models.JSONField()),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("action_id", models.BigIntegerField()),
                ("previewed_at", models.DateTimeField()),
                ("expected", models.BigIntegerField()),
                ("expected_is_exact", models.BooleanField()),
                ("actor", models.TextField()),
                (
                    "actor_kind",
                    models.TextField(
                        choices=[("human", "human"), ("llm_agent", "llm_agent"), ("auto", "auto")]
                    ),
                ),
                (
                    "face",
                    models.TextField(
                        choices=[
                            ("library", "Library"),
                            ("api", "Api"),
                            ("admin", "Admin"),
                            ("command", "Command"),
                        ]
                    ),
                ),
                ("reason", models.TextField(blank=True, null=True)),
                ("operation", models.UUIDField(unique=True)),
                (
                    "state",
                    models.TextField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("stopping", "Stopping"),
                            ("stopped", "Stopped"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                    ),
                ),
                ("cursor", models.BigIntegerField()),
                ("changed", models.BigIntegerField(default=0)),
                ("left_alone", models.BigIntegerField(default=0)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("error", models.TextField(blank=True, null=True)),
            ],
            options={
                "db_table": "event_bulk_jobs",
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running", "stopping"])),
                        fields=["id"],
                        name="event_bulk_jobs_open",
                    )
                ],
            },
        ),
    ]
