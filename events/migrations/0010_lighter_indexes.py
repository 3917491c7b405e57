"""Build the indexes that leave out what nobody looks up by them."""

from django.db import migrations

from events.indexes import BuildIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("events", "0009_api_token_name")]

    operations = [
        BuildIndexConcurrently("sovi_events_by_device"),
        BuildIndexConcurrently("sovi_events_by_account"),
        BuildIndexConcurrently("sovi_events_no_device"),
        BuildIndexConcurrently("sovi_events_no_account"),
        BuildIndexConcurrently("sovi_events_rare_severity"),
    ]
