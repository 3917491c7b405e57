from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        from . import checks, groups  # noqa: F401 - checks register themselves

        post_migrate.connect(groups.create_groups, sender=self)
