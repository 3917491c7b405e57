"""Exchange the indexes on one column for those that pages are merged from; index messages."""

from django.db import migrations

from events.indexes import (
    FORMER_INDEXES,
    INDEXES,
    BuildIndexConcurrently,
    BuildMessageIndex,
    DropIndexConcurrently,
)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0006_rollups")]

    operations = [
        *(BuildIndexConcurrently(name) for name in INDEXES),
        *(DropIndexConcurrently(name) for name in FORMER_INDEXES),
        BuildMessageIndex(),
    ]
