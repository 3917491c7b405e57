"""What each role needs of the tables that another role owns; the only list of it."""

from collections.abc import Iterable
from typing import NamedTuple

from psycopg import sql

from events.reading.raw_sql import read_rows


class Right(NamedTuple):
    """Privileges on tables; on some of their columns, or on the sequences of their ids."""

    privileges: str
    tables: str
    columns: str = ""
    on_sequence: bool = False


ALL = "SELECT, INSERT, UPDATE, DELETE"
OUTCOME = "resolved, resolved_by, resolved_at"
"""What is changed of an event."""

# Without the receipts every event waits in the spool; what is older than 30 days is deleted there.
EMITTER = (
    Right("INSERT", "system_events"),
    Right("SELECT", "system_events", "id"),
    Right("USAGE", "system_events", on_sequence=True),
    Right("SELECT, INSERT, DELETE", "event_receipts"),
    Right("SELECT", "devices, accounts", "id"),  # for ids that are in no table
)
PRODUCER = (
    *EMITTER,
    Right("SELECT", "system_events"),
    Right("UPDATE", "system_events", OUTCOME),
    Right("INSERT", "event_actions"),  # without it no event is resolved
    Right("SELECT", "event_actions", "id"),  # to pass by ids that a restore brought
    Right("USAGE", "event_actions", on_sequence=True),
)
# It changes no more of an event than who resolved it, and deletes none: that is its owner's.
# Without the sequences the stream sends nothing.
WEB = (
    Right("SELECT, INSERT", "system_events"),
    Right("UPDATE", "system_events", OUTCOME),
    Right("USAGE", "system_events, event_actions", on_sequence=True),
    Right("SELECT", "devices", "id, name"),
    Right("SELECT", "accounts", "id, platform, username"),
    Right("SELECT, INSERT", "event_actions"),
    Right("SELECT, INSERT, UPDATE", "event_receipts, event_bulk_jobs"),
    Right(ALL, "event_rollups, event_rollup_mark, event_saved_views, event_default_views"),
    Right(ALL, "event_sign_ins, events_api_token, django_session"),
    Right("SELECT, INSERT, DELETE", "django_admin_log"),
    Right(ALL, "auth_user, auth_group, auth_user_groups"),
    Right(ALL, "auth_user_user_permissions, auth_group_permissions"),
    Right("SELECT", "auth_permission, django_content_type, django_migrations"),
)
ROLES = {"emitter": EMITTER, "producer": PRODUCER, "web": WEB}

# Of each privilege what PostgreSQL calls its thing, and whether the role has it. What isn't there
# is left out, and so is a sequence where the ids come from elsewhere.
_LOOK_UP = """
SELECT CASE WHEN on_sequence THEN 'SEQUENCE ' || sequence ELSE relation::text END,
       privilege, column_name,
       CASE WHEN on_sequence THEN has_sequence_privilege(%(role)s, sequence, privilege)
            WHEN column_name = '' THEN has_table_privilege(%(role)s, relation, privilege)
            ELSE has_column_privilege(%(role)s, relation, column_name, privilege) END
FROM unnest(%(names)s::text[], %(privileges)s::text[], %(columns)s::text[], %(sequences)s::bool[])
     WITH ORDINALITY AS asked (name, privilege, column_name, on_sequence, position)
CROSS JOIN LATERAL (SELECT to_regclass(name) AS relation) AS found
CROSS JOIN LATERAL (SELECT CASE WHEN on_sequence THEN pg_get_serial_sequence(relation::text, 'id')
                           END::regclass AS sequence) AS its
WHERE relation IS NOT NULL AND (sequence IS NOT NULL OR NOT on_sequence)
  AND (column_name = '' OR EXISTS (SELECT FROM pg_attribute
                                   WHERE attrelid = relation AND attname = column_name))
ORDER BY position
"""
_SCHEMAS = """
SELECT DISTINCT 'SCHEMA ' || relnamespace::regnamespace, 'USAGE', '',
       has_schema_privilege(%(role)s, relnamespace, 'USAGE')
FROM pg_class WHERE oid = ANY (SELECT to_regclass(unnest(%(names)s::text[])))
"""


class Privilege(NamedTuple):
    """One privilege on one thing, or on a column of it."""

    thing: str
    name: str
    column: str
    is_granted: bool

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.column})' if self.column else ''} on {self.thing}"


def look_up(rights: Iterable[Right], role: str, *, using: str = "default") -> list[Privilege]:
    """Return each privilege on what there is, with whether the role has it. Raises Django's Error.

    That to use a schema is among them only where it lacks: mostly everybody has it.
    """
    asked = [
        (table, privilege, column, right.on_sequence)
        for right in rights
        for table in right.tables.split(", ")
        for privilege in right.privileges.split(", ")
        for column in right.columns.split(", ")
    ]
    fields = ("names", "privileges", "columns", "sequences")
    given = {"role": role, **dict(zip(fields, map(list, zip(*asked, strict=True)), strict=True))}
    schemas = [Privilege(*row) for row in read_rows(_SCHEMAS, given, using=using)]
    return [
        *(it for it in schemas if not it.is_granted),
        *(Privilege(*row) for row in read_rows(_LOOK_UP, given, using=using)),
    ]


def statements(rights: Iterable[Right], role: str) -> list[str]:
    """Return the GRANTs that give a role what it needs, one for each thing."""
    wanted: dict[str, dict[str, list[str]]] = {}
    for it in look_up(rights, role):
        wanted.setdefault(it.thing, {}).setdefault(it.name, []).append(it.column)
    return [
        f"GRANT {', '.join(map(_with_columns, names, names.values()))} ON {thing}"
        f" TO {sql.Identifier(role).as_string()};"
        for thing, names in wanted.items()
    ]


def _with_columns(name: str, columns: list[str]) -> str:
    return name if "" in columns else f"{name} ({', '.join(columns)})"
