"""`manage.py roll_up_events`: count events into the rollups."""

from argparse import ArgumentParser
from itertools import accumulate
from typing import Any

from events.management.stopping import LongCommand
from events.statistics.rollups import rolling


class Command(LongCommand):
    """Statistics do it for what has arrived lately; this is for a table that was there before."""

    help = "Roll up events for the statistics, in small transactions. Safe to stop at any time."
    done = "Rolled up"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--start-over",
            action="store_true",
            help="count anew, after other programs have changed or deleted events",
        )

    def handle(self, *args: Any, start_over: bool, **options: Any) -> None:
        if start_over:
            rolling.start_over()
        self.run_to_end((events, "") for events in accumulate(rolling.roll_up()))
