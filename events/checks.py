"""What `manage.py check` says about this installation."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections


@register(Tags.database)
def check_database(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse what the event table can't live on."""
    return [
        Error(
            f"The database {alias!r} is {connections[alias].display_name}, not PostgreSQL.",
            hint="Set DATABASE_URL to a postgresql:// address.",
            id="events.E001",
        )
        for alias in databases or []
        if connections[alias].vendor != "postgresql"
    ]
