"""Name tokens in the admin as everybody does."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0008_saved_views"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken",
            options={"default_permissions": ("view", "delete"), "verbose_name": "API token"},
        ),
    ]
