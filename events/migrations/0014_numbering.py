"""Which numbering of the events rollups and bulk jobs are of; NULL where it was not noted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0013_sign_ins")]

    operations = [
        migrations.AddField("bulkjob", "numbering", models.BigIntegerField(null=True)),
        migrations.AddField("eventrollupmark", "numbering", models.BigIntegerField(null=True)),
    ]
