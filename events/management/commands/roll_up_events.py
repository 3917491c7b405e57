"""`manage.py roll_up_events`: count events into the rollups."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from events.management.stopping import stopped_by_signals
from events.statistics.rollups import rolling


class Command(BaseCommand):
    """Statistics do it for what has arrived lately; this is for a table that was there before."""

    help = "Roll up events for the statistics, in small transactions. Safe to stop at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--start-over",
            action="store_true",
            help="count anew, after other programs have changed or deleted events",
        )

    def handle(self, *args: Any, start_over: bool, **options: Any) -> None:
        if start_over:
            rolling.start_over()
        rolled_up, shows_progress = 0, self.stderr.isatty()
        with stopped_by_signals() as stop:
            for rows in rolling.roll_up():
                rolled_up += rows
                if shows_progress:
                    self.stderr.write(f"\rRolled up {rolled_up:,} events", ending="")
                    self.stderr.flush()
                if stop:
                    break
        if shows_progress:
            self.stderr.write("")
        if stop:
            raise stop.error(f"Stopped after {rolled_up:,} events; run it again to go on.")
        self.stdout.write(f"Rolled up {rolled_up:,} events.")
