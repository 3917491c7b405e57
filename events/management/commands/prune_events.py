"""`manage.py prune_events`: delete events that are older than they are kept."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError
from django.db import ProgrammingError
from django.utils import timezone

from events.management.stopping import LongCommand
from events.retention.leftovers import count_leftovers, prune_leftovers
from events.retention.policy import Policy, parse_age
from events.retention.pruning import count_due, one_at_a_time, prune
from sovi_events import catalog


def age(text: str) -> timedelta:
    try:
        return parse_age(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


class Command(LongCommand):
    """Exits with 0 when all that is due is deleted, with 128 + the signal when one stopped it."""

    help = "Delete old events, in small transactions. Safe to stop, and to run again."
    done = "Deleted"

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "--older-than", type=age, metavar="AGE", help="delete what is older: 90d, 12h, 2w"
        )
        which.add_argument(
            "--policy",
            action="store_true",
            help="delete what SOVI_RETENTION says, in silence: for cron or a systemd timer",
        )
        parser.add_argument(
            "--severity",
            action="append",
            choices=catalog.SEVERITIES,
            help="only of this severity; may be repeated",
        )
        parser.add_argument(
            "--keep-unresolved", action="store_true", help="keep those that nobody has resolved"
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many, delete none")

    def handle(self, *args: Any, policy: bool, dry_run: bool, **options: Any) -> None:
        if policy and (options["severity"] or options["keep_unresolved"]):
            raise CommandError("--policy takes severities and --keep-unresolved from the settings.")
        wanted: Policy = settings.SOVI_RETENTION if policy else _asked_for(**options)
        now = timezone.now()
        if dry_run:
            expected = count_due(wanted, now)
            about = "" if expected.exact else "about "
            self.stdout.write(f"Would delete {about}{expected.rows:,} events.")
            for table, rows in count_leftovers(wanted, now).items():
                self.stdout.write(f"Would delete {rows:,} rows of {table}.")
            return
        with one_at_a_time() as alone:
            if alone:
                steps = ((it.deleted, f", up to {it.reached}") for it in prune(wanted, now))
                with _explained():
                    self.run_to_end(steps, quiet=policy)
                    prune_leftovers(wanted, now)
            elif not policy:
                raise CommandError("Another process is deleting events; this one has not.")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ProgrammingError as error:
        if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise
        reason = error.__cause__.diag.message_primary
        raise CommandError(f"{reason}: run it as the owner of the tables.") from error


def _asked_for(
    *, older_than: timedelta, severity: list[str] | None, keep_unresolved: bool, **_: Any
) -> Policy:
    severities: list[str | None] = [*severity] if severity else [None]
    return Policy(dict.fromkeys(severities, older_than), keep_unresolved)
