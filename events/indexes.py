"""The indexes added to `system_events`, and the migration operation that builds them.

Django's models don't declare them: SOVI's programs write the table, Django only reads it.
"""

from typing import Any

from django.db import NotSupportedError, OperationalError, ProgrammingError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from sovi_events.index_scan import COMMON_SEVERITY

BLOCK_BITS = 16
"""Ids that are alike but for these lowest bits are a block."""

# name -> what follows `ON system_events`. Ids, not times, order every list: they are unique. Which
# query needs which, and what each costs: docs/decisions/0009-indexes.md.
INDEXES = {
    "sovi_events_kind": "(category, resolved, event_type, severity, id)",
    "sovi_events_by_device": (
        "(device_id, resolved, event_type, severity, id) WHERE device_id IS NOT NULL"
    ),
    "sovi_events_by_account": (
        "(account_id, resolved, event_type, severity, id) INCLUDE (device_id) "
        "WHERE account_id IS NOT NULL"
    ),
    "sovi_events_no_device": "(id) WHERE device_id IS NULL",
    "sovi_events_no_account": "(id) WHERE account_id IS NULL",
    "sovi_events_rare_severity": f"(severity, id) WHERE severity <> '{COMMON_SEVERITY}'",
    "sovi_events_time": "(timestamp, id)",
    "sovi_events_block": f"((id >> {BLOCK_BITS}), timestamp, id)",
    "sovi_events_resolver": "(resolved_by, id) WHERE resolved_by IS NOT NULL",
    "sovi_events_unresolved_severity": (
        "(severity, id) INCLUDE (event_type, device_id, account_id, timestamp, category) "
        "WHERE resolved IS NOT TRUE"
    ),
}

FORMER_INDEXES = (
    "sovi_events_unresolved",
    "sovi_events_timestamp",
    "sovi_events_category",
    "sovi_events_event_type",
    "sovi_events_device",
    "sovi_events_account",
)
"""Built by earlier versions, on one column; the indexes on several answer what they did."""

MESSAGE_INDEX = "sovi_events_message"
MESSAGE_DEFINITION = "USING gin (message gin_trgm_ops)"
"""For text within a message; only where `pg_trgm` may be had."""

CONTEXT_INDEX = "sovi_events_context"
CONTEXT_DEFINITION = "USING gin (context jsonb_path_ops)"
"""For values of the context; only where `manage.py index_context` was run."""

DEFINITIONS = {
    **INDEXES,
    MESSAGE_INDEX: MESSAGE_DEFINITION,
    CONTEXT_INDEX: CONTEXT_DEFINITION,
}


class BuildIndexConcurrently(Operation):
    """Build one index of `system_events` while other programs write the table.

    Does nothing where it stands already. One that an interrupted build left invalid is dropped and
    built again. Needs a migration with `atomic = False`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: Django's models don't know these indexes."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> None:
        valid = self._validity(schema_editor)
        if valid is False:
            self.database_backwards(app_label, schema_editor, *states)
        if not valid:
            schema_editor.execute(
                f"CREATE INDEX CONCURRENTLY {self.name} ON system_events {DEFINITIONS[self.name]}"
            )

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> None:
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Build index {self.name} concurrently"

    def _validity(self, schema_editor: BaseDatabaseSchemaEditor) -> bool | None:
        """Return whether the index is valid, None where there is none."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [self.name]
            )
            row = cursor.fetchone()
        return None if row is None else bool(row[0])


class DropIndexConcurrently(BuildIndexConcurrently):
    """Drop a former index of `system_events` while other programs write the table."""

    def database_forwards(self, *args: Any) -> None:
        super().database_backwards(*args)

    def database_backwards(self, *args: Any) -> None:
        """Leave it out: what built it is no migration of now, and nothing would drop it."""

    def describe(self) -> str:
        return f"Drop index {self.name} concurrently"


class BuildMessageIndex(BuildIndexConcurrently):
    """Build the index for text within messages, unless `pg_trgm` can't be had here.

    Creating the extension needs a right that the owner of a table may lack; then search works
    without the index, and `manage.py check` says so.
    """

    def __init__(self) -> None:
        super().__init__(MESSAGE_INDEX)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, *states: ProjectState
    ) -> None:
        if has_trigrams(schema_editor.connection):
            super().database_forwards(app_label, schema_editor, *states)


def has_trigrams(connection: BaseDatabaseWrapper) -> bool:
    """Create the extension `pg_trgm` where it may be; return whether it is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone():
            return True
        try:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except (ProgrammingError, OperationalError, NotSupportedError):
            return False  # not allowed, or not installed on the server
    return True
