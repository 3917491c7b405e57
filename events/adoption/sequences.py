"""Sequences that a restore left behind the ids of their tables."""

from typing import NamedTuple

from django.apps import apps
from django.db.models import AutoField

from events.models import EventAction, SystemEvent
from events.reading.raw_sql import read_rows

FOLLOWED = (SystemEvent, EventAction)
"""Tables of which `events.prerequisites` has more to say."""

_THERE = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
_BEHIND = """
SELECT '{table}', newest, given, quote_literal(sequence)
FROM (SELECT (SELECT max(id) FROM {table}) AS newest, sequence,
             CASE WHEN has_sequence_privilege(sequence, 'USAGE, SELECT')
                  THEN coalesce(pg_sequence_last_value(sequence::regclass), 0) END AS given
      FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS sequence) AS its) AS seen
WHERE newest > given
"""


class Behind(NamedTuple):
    """A table whose next row is refused, as its sequence gives out an id that a row has."""

    table: str
    newest_id: int
    last_id: int
    sequence: str

    @property
    def message(self) -> str:
        return (
            f"The ids of {self.table} go up to {self.newest_id}, and its sequence has given out "
            f"{self.last_id} only: what comes next is refused."
        )

    @property
    def cure(self) -> str:
        return f"Run SELECT setval({self.sequence}, (SELECT max(id) FROM {self.table}))."  # noqa: S608 - shown


def find_behind(using: str) -> list[Behind]:
    """Return those of this role's sight. Raises Django's Error."""
    tables = [
        model._meta.db_table
        for model in apps.get_models()
        if isinstance(model._meta.pk, AutoField) and model not in FOLLOWED
    ]
    there = read_rows(_THERE, [tables], using=using)
    statement = " UNION ALL ".join(_BEHIND.format(table=name) for (name,) in there)
    return [Behind(*row) for row in read_rows(statement, using=using)] if statement else []
