"""What waits on disk for the database: `python -m sovi_events.spool status|drain|export`."""

import argparse
import json
import sqlite3
import sys
import time
from collections.abc import Iterator

from .. import EventsError, database, flush
from ..errors import DatabaseConfigurationError
from ..settings import Settings, spool_folder
from ..writing.batch import Batch, as_datetime
from .drain import is_drained_now
from .store import Spool

MEGABYTE = 1024 * 1024


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sovi_events.spool",
        description="Events that PostgreSQL could not take yet, in SOVI_SPOOL_DIR.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    status = commands.add_parser("status", help="say what waits, for each database")
    status.add_argument("--json", action="store_true", help="as one JSON object a database")
    drain = commands.add_parser("drain", help="store what waits for the database of DATABASE_URL")
    drain.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")
    drain.add_argument(
        *("--dead-letters", "--set-aside"),
        dest="dead_letters",
        action="store_true",
        help="store what was refused, or may be in the table, too: once you have looked at it",
    )
    commands.add_parser("export", help="print all events as lines of JSON; they stay in the spool")
    options = parser.parse_args(arguments)
    try:
        if options.command == "status":
            return _status(as_json=options.json)
        if options.command == "drain":
            return _drain(options.timeout, dead_letters=options.dead_letters)
        return _export()
    except (EventsError, DatabaseConfigurationError, sqlite3.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _status(*, as_json: bool) -> int:
    """Exit with 1 where something waits or is a dead letter, so that a monitor can ask."""
    clean = True
    for spool in _spools():
        found = spool.contents()
        clean &= not found.events and not found.dead_letters
        reasons = [letter.reason for letter in spool.dead_letters()]
        if as_json:
            shown = found._asdict() | {
                "folder": str(spool.folder),
                "limit_bytes": spool.limit_bytes,
                "draining": is_drained_now(spool.folder),
                "reasons": reasons,
                "set_aside_events": found.dead_letters,  # monitors of the first version read it
            }
            print(json.dumps(shown))
            continue
        print(f"{spool.folder}")
        since = f", the oldest of {_time(found.since)}" if found.since is not None else ""
        print(f"  waiting    {found.events:,} events{since}")
        limit = spool.limit_bytes / MEGABYTE
        print(f"  used       {found.used_bytes / MEGABYTE:.1f} MB of {limit:,.0f} MB")
        print(f"  draining   {'yes' if is_drained_now(spool.folder) else 'no'}")
        print(f"  dead       {found.dead_letters:,} events, stored by drain --dead-letters alone")
        for reason in reasons[:10]:
            print(f"             {reason}")
        if len(reasons) > 10:
            print(f"             and {len(reasons) - 10:,} more: see export")
    if clean and not as_json:
        print(f"Nothing waits in {spool_folder()}.")
    return 0 if clean else 1


def _drain(seconds: float, *, dead_letters: bool) -> int:
    settings = Settings.read()
    spool = Spool(settings.spool_folder / database.identity(), settings.spool_bytes)
    if dead_letters:
        spool.requeue()
    before = spool.contents()
    complete = flush(seconds)
    after = spool.contents()
    print(f"{max(0, before.events - after.events):,} events left the spool, {after.events:,} wait,")
    print(f"{after.dead_letters:,} are dead letters.")
    return 0 if complete and not after.dead_letters else 1


def _export() -> int:
    for spool in _spools():
        for batch in spool.waiting():
            _print(batch)
        for letter in spool.dead_letters():
            _print(letter.batch, refused=letter.reason)
    return 0


def _print(batch: Batch, **more: str) -> None:
    for event in batch.as_dicts():
        print(json.dumps({**event, "receipt": batch.receipt, **more}, default=str))


def _spools() -> Iterator[Spool]:
    limit = Settings.read().spool_bytes
    for folder in sorted({path.parent for path in spool_folder().glob("*/s*")}):
        spool = Spool(folder, limit)
        if spool.exists():
            yield spool


def _time(seconds: float) -> str:
    hours = (time.time() - seconds) / 3600
    return f"{as_datetime(seconds).isoformat(timespec='seconds')}, {hours:.1f} hours ago"


if __name__ == "__main__":
    sys.exit(main())
