"""The indexes added to `system_events`, and the migration operation that builds them.

They are PostgreSQL's affair alone: SOVI's programs write the table, Django only reads by them.
"""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

# name -> what follows `ON system_events`. Ids, not times, order every list: they are unique.
INDEXES = {
    "sovi_events_severity": "(severity, id)",
    "sovi_events_category": "(category, id)",
    "sovi_events_event_type": "(event_type, id)",
    "sovi_events_device": "(device_id, id)",
    "sovi_events_account": "(account_id, id)",
    "sovi_events_timestamp": "(timestamp)",
    "sovi_events_unresolved": "(id) WHERE resolved IS NOT TRUE",
    "sovi_events_unresolved_severity": "(severity, id) WHERE resolved IS NOT TRUE",
}


class BuildIndexConcurrently(Operation):
    """Build one index of `system_events` while other programs write the table.

    Does nothing where it stands already. One that an interrupted build left invalid is dropped and
    built again. Needs a migration with `atomic = False`.
    """

    atomic = False
    reduces_to_sql = True
    reversible = True

    def __init__(self, name: str) -> None:
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        valid = self._validity(schema_editor)
        if valid is False:
            self._drop(schema_editor)
        if not valid:
            schema_editor.execute(
                f"CREATE INDEX CONCURRENTLY {self.name} ON system_events {INDEXES[self.name]}"
            )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._drop(schema_editor)

    def describe(self) -> str:
        return f"Build index {self.name} concurrently"

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.name], {}

    def _validity(self, schema_editor: BaseDatabaseSchemaEditor) -> bool | None:
        """Return whether the index is valid, None where there is none."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [self.name]
            )
            row = cursor.fetchone()
        return None if row is None else bool(row[0])

    def _drop(self, schema_editor: BaseDatabaseSchemaEditor) -> None:
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")
