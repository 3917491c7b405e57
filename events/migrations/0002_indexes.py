"""Build the indexes of `system_events` without stopping its writers."""

from django.db import migrations

from events.indexes import INDEXES, BuildIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0001_tables")]

    operations = [BuildIndexConcurrently(name) for name in INDEXES]
