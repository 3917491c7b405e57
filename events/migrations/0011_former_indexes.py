"""Drop what lighter indexes replaced: without them earlier versions are slower, no more."""

from django.db import migrations

from events.indexes import DropIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0010_lighter_indexes")]

    operations = [
        DropIndexConcurrently("sovi_events_severity"),
        DropIndexConcurrently("sovi_events_device_kind"),
        DropIndexConcurrently("sovi_events_account_kind"),
    ]
