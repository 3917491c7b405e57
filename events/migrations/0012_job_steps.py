"""Who confirmed, stopped and resumed a bulk job, and the user who must still be allowed to."""

from django.conf import settings
from django.db import migrations, models

# Of a job that was confirmed before: a command's actor is no user.
KNOWN = """
UPDATE event_bulk_jobs AS job
SET steps = jsonb_build_array(jsonb_build_object(
        'step', 'confirmed', 'at', created_at, 'actor', actor,
        'actor_kind', actor_kind, 'face', face
    )),
    user_id = CASE WHEN face IN ('admin', 'api') THEN coalesce(
        (SELECT id FROM auth_user WHERE username = job.actor), 0
    ) END
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0011_former_indexes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("bulkjob", "user_id", models.BigIntegerField(null=True)),
        migrations.AddField(
            "bulkjob",
            "steps",
            models.JSONField(
                default=list, db_default=models.Value([], models.JSONField()), editable=False
            ),
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
    ]
