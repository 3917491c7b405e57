"""How many events each day, hour and quarter has, so that statistics need not count them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0005_bulk_jobs"),
    ]

    operations = [
        migrations.CreateModel(
            name="EventRollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "grain",
                        "by_device",
                        "slot",
                        "digest",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("grain", models.SmallIntegerField()),
                ("by_device", models.BooleanField()),
                ("slot", models.DateTimeField()),
                ("digest", models.UUIDField()),
                ("severity", models.TextField()),
                ("category", models.TextField(null=True)),
                ("event_type", models.TextField(null=True)),
                ("device_id", models.UUIDField(null=True)),
                ("events", models.BigIntegerField()),
            ],
            options={"db_table": "event_rollups", "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="EventRollupMark",
            fields=[
                ("id", models.SmallIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.BigIntegerField()),
            ],
            options={"db_table": "event_rollup_mark", "default_permissions": ()},
        ),
    ]
