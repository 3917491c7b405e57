"""`resolve_events` and `reopen_events`: all that match, from a terminal or a timer."""

import getpass
import signal
import socket
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict

from events.bulk.confirmation import start
from events.bulk.preview import Preview, Total, preview
from events.bulk.runner import run
from events.filters.filterset import EventFilterSet
from events.filters.query_string import InvalidQuery
from events.filters.stored_filter import serialise
from events.models import BulkJob, SystemEvent
from events.models.actor import Actor
from events.reading.time_limit import TookTooLong, statement_limit
from sovi_events import catalog
from sovi_events.following.position import MAX_ID, MIN_ID
from sovi_events.readable import printable

from .progress import ProgressBar
from .stopping import stopped_by_signals

FOLLOW_SECONDS = 0.5
INTERRUPTED = 130
"""The exit code of what Ctrl-C ended."""


def read_ids(text: str) -> list[int]:
    try:
        ids = [int(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError("must be ids between commas") from None
    if not all(MIN_ID <= event_id <= MAX_ID for event_id in ids):
        raise ArgumentTypeError("an id has 64 bits at most")
    return ids


class BulkCommand(BaseCommand):
    """Previews, asks, and runs the job; Ctrl-C stops it between chunks, `--job` goes on with it."""

    action: ClassVar[str]
    done: ClassVar[str]
    """The action as it is said of events: "resolved"."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_argument_group("which events", "As the list and the API filter them.")
        for name, its in EventFilterSet.base_filters.items():
            what.add_argument(
                *dict.fromkeys([f"--{name.replace('_', '-')}", f"--{name}"]),
                dest=name,
                action="append",
                default=[],
                metavar="VALUE",
                help=str(its.extra["help_text"]).replace("%", "%%"),
            )
        what.add_argument("--all", action="store_true", help="No filter: all that there are.")
        what.add_argument("--ids", type=read_ids, metavar="ID,ID", help="These, not a filter.")
        what.add_argument("--job", type=int, metavar="ID", help="Go on with this job.")
        parser.add_argument("--reason", help="Why; kept in the history.")
        parser.add_argument(
            "--as",
            dest="kind",
            choices=catalog.RESOLVERS,
            default="human",
            help="Who is recorded to have done it (default: %(default)s).",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only show the preview.")
        parser.add_argument("--yes", action="store_true", help="Don't ask.")

    def handle(
        self,
        *args: Any,
        ids: list[int] | None,
        job: int | None,
        reason: str | None,
        kind: catalog.Resolver,
        **options: Any,
    ) -> None:
        self.dry_run, self.yes = options["dry_run"], options["yes"]
        query = QueryDict(mutable=True)
        for name in EventFilterSet.parameters():
            if options[name]:
                query.setlist(name, options[name])
        if sum(map(bool, (ids, job, query, options["all"]))) != 1:
            raise CommandError("Give filters, or --all, or --ids, or --job.")
        by = self.by = Actor(f"{getpass.getuser()}@{socket.gethostname()}", kind, "command")
        if job is not None:
            self._resume(job, by)
        elif ids is not None:
            self._act_on(ids, by, reason)
        else:
            self._act_on_all(query, by, reason)

    def _act_on_all(self, query: QueryDict, by: Actor, reason: str | None) -> None:
        try:
            with statement_limit():
                filters = serialise(query)
            seen = preview(self.action, filters)
        except InvalidQuery as error:
            lines = (f"--{name}: {' '.join(reasons)}" for name, reasons in error.errors.items())
            raise CommandError("\n".join(lines)) from None
        except TookTooLong:
            raise CommandError("Counting took too long: narrow the filters.") from None
        self._show(seen)
        if seen.extent.rows and self._is_wanted(str(seen.extent)):
            self._run(start(seen, by=by, reason=reason))

    def _act_on(self, ids: list[int], by: Actor, reason: str | None) -> None:
        events = SystemEvent.objects.filter(pk__in=ids)
        rows = events.pending(self.action).count()
        self.stdout.write(f"{rows} of {len(set(ids))} would be {self.done}.")
        if rows and self._is_wanted(str(rows)):
            changed = events.act_on_all(self.action, by=by, reason=reason)
            self.stdout.write(f"{changed} {self.done}.")

    def _resume(self, job_id: int, by: Actor) -> None:
        job = BulkJob.objects.filter(pk=job_id, action=self.action).first()
        if job is None:
            raise CommandError(f"There is no job {job_id} to {self.action} events.")
        BulkJob.objects.filter(pk=job_id).resume(by=by)
        job.refresh_from_db()
        self._run(job)

    def _show(self, seen: Preview) -> None:
        filters = (f"{name}={','.join(values)}" for name, values in seen.filters.items())
        self.stdout.write(f"Filter: {printable(' '.join(filters)) or 'none'}")
        self.stdout.write(f"{_sentence(seen.extent)} would be {self.done}, up to #{seen.last_id}.")
        for severity, rows in seen.extent.by_severity.items():
            self.stdout.write(f"  {printable(severity)}: {seen.extent.shown(rows)}")
        for name, event in (("Oldest", seen.oldest), ("Newest", seen.newest)):
            if event:
                self.stdout.write(f"{name}: {_line(event)}")
        for event in (seen.sample or [])[1:]:
            self.stdout.write(f"        {_line(event)}")
        if seen.left_out:
            self.stdout.write(f"Newer events are left out. {seen.left_out}")

    def _is_wanted(self, count: str) -> bool:
        """Ask, where there is somebody to ask. Raises `CommandError` for a no."""
        if self.dry_run or self.yes:
            return not self.dry_run
        try:
            answer = input(f"{self.action.capitalize()} {count}? [y/N] ")
        except EOFError:
            raise CommandError("Nobody is there to ask: confirm with --yes.") from None
        except KeyboardInterrupt:
            raise CommandError("\nNothing was changed.", returncode=INTERRUPTED) from None
        if answer.strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.")
        return True

    def _run(self, job: BulkJob) -> None:
        bar = ProgressBar(sys.stderr)

        def on_progress(job: BulkJob, seconds: float = 0.0) -> None:
            bar.show(job.share, f"{job.changed:,} {self.done}")

        with stopped_by_signals([signal.SIGINT]) as stop, bar:
            while job.is_open:
                if stop:
                    BulkJob.objects.filter(pk=job.pk).stop(by=self.by)
                ran = run(job.pk, interrupted=lambda: bool(stop), on_progress=on_progress)
                if ran is None:  # a web server was quicker: watch it
                    time.sleep(FOLLOW_SECONDS)
                job = ran or BulkJob.objects.get(pk=job.pk)
                on_progress(job)
        self._report(job)

    def _report(self, job: BulkJob) -> None:
        left = f" {job.left_alone:,} were acted on meanwhile and left alone."
        said = f"{job.changed:,} {self.done}.{left if job.left_alone else ''}"
        again = f"Go on with: manage.py {self.action}_events --job {job.pk}"
        if job.state == BulkJob.State.FAILED:
            raise CommandError(f"{said} Then it failed: {job.error}\n{again}")
        if job.state == BulkJob.State.STOPPED:
            raise CommandError(f"Stopped. {said}\n{again}", returncode=INTERRUPTED)
        self.stdout.write(said)


def _sentence(extent: Total) -> str:
    count = str(extent)
    return f"{count[0].upper()}{count[1:]} {'event' if extent.rows == 1 else 'events'}"


def _line(event: SystemEvent) -> str:
    time_text = event.timestamp.isoformat(timespec="seconds")
    written = f"{event.severity} {event.event_type}: {event.message[:80]}"
    return f"#{event.pk} {time_text} {printable(written)}"
