"""Who acted on events, and the tokens that say who asks."""

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import events.models.multirange


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                ("digest", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("token_key", models.CharField(db_index=True, max_length=25)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("expiry", models.DateTimeField(blank=True, null=True)),
                (
                    "kind",
                    models.TextField(
                        choices=[("person", "Person"), ("agent", "Agent"), ("service", "Service")],
                        default="person",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="auth_token_set",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "events_api_token",
                "default_permissions": ("view", "delete"),
            },
        ),
        migrations.CreateModel(
            name="EventAction",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "timestamp",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "action",
                    models.TextField(choices=[("resolve", "Resolve"), ("reopen", "Reopen")]),
                ),
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
                ("operation", models.UUIDField()),
                ("events", events.models.multirange.BigIntegerMultirangeField()),
            ],
            options={
                "db_table": "event_actions",
                "default_permissions": ("view",),
                "indexes": [
                    django.contrib.postgres.indexes.GistIndex(
                        fields=["events"], name="event_actions_events"
                    )
                ],
            },
        ),
    ]
