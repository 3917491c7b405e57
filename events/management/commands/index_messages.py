"""`manage.py index_messages`: build the index on messages' text."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.state import ProjectState

from events.indexes import MESSAGE_INDEX, BuildMessageIndex, has_trigrams


class Command(BaseCommand):
    help = (
        "Build the index that searches messages, without stopping writers: for a database where "
        "migrate could not create the extension pg_trgm."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not has_trigrams(connection):
            raise CommandError(
                "The extension pg_trgm is not there, and this user may not create it: let a "
                "superuser run CREATE EXTENSION pg_trgm in this database."
            )
        with connection.schema_editor(atomic=False) as editor:
            state = ProjectState()
            BuildMessageIndex().database_forwards("events", editor, state, state)
        self.stdout.write(f"{MESSAGE_INDEX} stands.")
