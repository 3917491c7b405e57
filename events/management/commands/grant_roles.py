"""`manage.py grant_roles`: what roles need of the tables that another role owns."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection, transaction

from events.adoption import grants
from events.reading.raw_sql import read_rows

KINDS = {
    "emitter": "of programs that only emit",
    "producer": "of programs that emit, read and resolve by the library",
    "web": "of the web process, its pages and its API",
}


class Command(BaseCommand):
    """Grants again what a role has already: it may be run after each `migrate`."""

    help = (
        "Print the GRANTs that each role needs, for the owner of the tables to run; --apply runs "
        "them. `prune_events` and `migrate` stay with the owner."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        for kind, whose in KINDS.items():
            parser.add_argument(
                f"--{kind}", action="append", default=[], metavar="ROLE", help=f"the role {whose}"
            )
        parser.add_argument("--apply", action="store_true", help="run them, all or none")

    def handle(self, *args: Any, apply: bool, **options: Any) -> None:
        roles = [(kind, role) for kind in KINDS for role in options[kind]]
        if not roles:
            raise CommandError("Name a role: --producer ROLE, --web ROLE or --emitter ROLE.")
        for _, role in roles:
            if not read_rows("SELECT FROM pg_roles WHERE rolname = %s", [role]):
                raise CommandError(f"There is no role {role!r} here: CREATE ROLE makes one.")
        lines = [
            line for kind, role in roles for line in grants.statements(grants.ROLES[kind], role)
        ]
        self.stdout.write("\n".join(lines))
        if apply:
            self._apply(lines)

    def _apply(self, lines: list[str]) -> None:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for line in lines:
                    cursor.execute(line)
        except Error as error:
            reason = " ".join(str(error).split())
            raise CommandError(
                f"Nothing was granted: {reason}. Run it as the owner of the tables."
            ) from error
