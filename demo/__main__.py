"""Emit a simulated fleet's events into the running system until stopped: `python -m demo`."""

import argparse
import os
import signal
import sys
from contextlib import suppress

import psycopg

from sovi import events
from sovi_events import database
from sovi_events.errors import DatabaseConfigurationError

from .run import Run


def main() -> int:
    """Run the demo; return the exit code."""
    # SIGTERM ends like Ctrl-C; a shell's background jobs are started with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    options = _options()
    try:
        run = Run(options.seed, options.rate)
        with suppress(KeyboardInterrupt):
            run.play(options.backfill, options.duration)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        all_stopped = run.stop()
    except KeyboardInterrupt:
        return 0
    except psycopg.OperationalError as error:
        print(database.unreachable(error), file=sys.stderr)
        return 1
    except (events.EventsError, DatabaseConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1
    if not all_stopped:
        # A thread still waits for a database that does not answer; leave without waiting too.
        sys.stdout.flush()
        os._exit(0)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="A simulated fleet emits every known event type until Ctrl-C. Its time runs "
        "faster than ours, as fast as the rate needs.",
    )
    parser.add_argument(
        "--rate", type=_positive, default=5.0, help="events per second on average (5)"
    )
    parser.add_argument("--duration", type=_zero_or_more, metavar="SECONDS", help="stop after this")
    parser.add_argument("--seed", type=int, default=1, help="which story to tell (1)")
    parser.add_argument(
        "--backfill",
        type=_zero_or_more,
        metavar="HOURS",
        default=0.0,
        help="first write what happened in the hours before, in real time (0)",
    )
    return parser.parse_args()


def _positive(text: str) -> float:
    number = _zero_or_more(text)
    if number == 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


def _zero_or_more(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1_000_000:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1,000,000, not {text!r}")
    return number


if __name__ == "__main__":
    sys.exit(main())
