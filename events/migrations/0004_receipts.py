"""What tells whether a batch of events was stored."""

import django.db.models.functions.datetime
from django.db import migrations, models

import events.models.multirange


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_actions_and_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventReceipt",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("event_ids", events.models.multirange.BigIntegerMultirangeField()),
                ("request_digest", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "event_receipts",
                "default_permissions": (),
                "indexes": [
                    models.Index(
                        condition=models.Q(("request_digest__isnull", False)),
                        fields=["created_at"],
                        name="event_receipts_requests",
                    )
                ],
            },
        ),
    ]
