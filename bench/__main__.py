"""List the benches, or run some: `python -m bench [NAME ...] [--quick]`."""

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path
from types import ModuleType

import psycopg

from sovi_events import database
from sovi_events.errors import DatabaseConfigurationError

BENCHES = ("emit", "stream", "resolve", "fill", "insert", "read", "admin", "http")
"""Each is a module here with a `run(quick=...)`; its docstring says what it compares."""


def main() -> int:
    """Run what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a bench's name, or all")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: only that it runs")
    parser.add_argument("--rows", type=int, help="fill: how many")
    parser.add_argument("--keep", action="store_true", help="fill: leave it for read and admin")
    parser.add_argument(
        "--before", type=Path, metavar="TREE", help="http: a checkout to serve beside this one"
    )
    options = parser.parse_args()
    if not options.names:
        for name in BENCHES:
            print(f"{name:<10} {_summary(_bench(name))}")
        return 0
    names = BENCHES if "all" in options.names else tuple(options.names)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"there is no bench {unknown[0]!r}; there are: {', '.join(BENCHES)}, all")
    own_options = {
        "fill": {"rows": options.rows, "keep": options.keep},
        "http": {"before": options.before},
    }
    try:
        print(_machine())
        for name in names:
            print(f"\n{name}: {_summary(_bench(name))}")
            _bench(name).run(quick=options.quick, **own_options.get(name, {}))
    except psycopg.OperationalError as error:
        print(database.unreachable(error), file=sys.stderr)
        return 1
    except DatabaseConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _bench(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def _summary(bench: ModuleType) -> str:
    return (bench.__doc__ or "").partition("\n")[0]


def _machine() -> str:
    with psycopg.connect(database.connection_string()) as connection:
        version = connection.info.parameter_status("server_version")
        # What a commit waits for decides what a ratio of commits means.
        settings = connection.execute(
            "SELECT string_agg(name || ' ' || setting, ', ') FROM pg_settings "
            "WHERE name IN ('fsync', 'synchronous_commit')"
        ).fetchone() or ("",)
    python = platform.python_version()
    return f"PostgreSQL {version} ({settings[0]}), Python {python}, {os.cpu_count()} CPUs"


if __name__ == "__main__":
    sys.exit(main())
