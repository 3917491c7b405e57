"""Failed sign-ins, by user and by network."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0012_job_steps")]

    operations = [
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("key", models.TextField(primary_key=True, serialize=False)),
                ("failures", models.IntegerField()),
                ("blocked_until", models.DateTimeField()),
                ("is_known", models.BooleanField(default=False)),
            ],
            options={"db_table": "event_sign_ins", "default_permissions": ()},
        ),
    ]
