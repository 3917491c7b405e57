"""The Django app: checks, groups, and the jobs that are watched."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EventsConfig(AppConfig):
    name = "events"
    verbose_name = "Events"

    def ready(self) -> None:
        from events import checks  # noqa: F401 - they register themselves
        from events.web import groups

        post_migrate.connect(groups.create_groups, sender=self)
