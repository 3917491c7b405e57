"""Print the newest events, and with --follow those that come, until Ctrl-C."""

import argparse
import os
import sys
from importlib.util import find_spec

from .. import catalog
from ..whole_number import whole_number
from .printer import Printer

URL, TOKEN = "SOVI_URL", "SOVI_TOKEN"  # noqa: S105 - names of variables
DEFAULT_LINES, MOST_LINES = 10, 500
FILTERS = ("severity", "category", "event_type")


def main() -> None:
    """Run the command line."""
    options = _parser().parse_args()
    url, token = os.environ.get(URL, ""), os.environ.get(TOKEN, "")
    if not url.startswith(("http://", "https://")):
        sys.exit(f"Set {URL} to the server's address, such as http://127.0.0.1:8000.")
    if not (token.isascii() and token.isprintable() and token):
        sys.exit(f"Set {TOKEN} to an API token: manage.py create_api_token USERNAME makes one.")
    if find_spec("httpx") is None:
        sys.exit("sovi_events.tail needs httpx: pip install 'sovi-events[tail]'.")
    from .reading import follow, newest, server
    from .server_sent import RequestRefused

    filters = {name: ",".join(given) for name in FILTERS if (given := getattr(options, name))}
    printer = Printer(sys.stdout, as_json=options.json)
    try:
        with server(url, token) as client:
            if options.follow:
                follow(client, filters, options.lines, printer)
            else:
                for event in newest(client, filters, options.lines):
                    printer.event(event)
    except RequestRefused as refused:
        sys.exit(str(refused))
    except BrokenPipeError:
        # The reader has gone; at exit Python would write what is left, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sovi_events.tail",
        description=__doc__,
        epilog=f"{URL} is the server's address, {TOKEN} an API token. NO_COLOR turns colours off.",
    )
    severities = ", ".join(catalog.SEVERITIES)
    parser.add_argument(
        "--severity", action="append", metavar="NAME", help=f"repeatable: {severities}"
    )
    parser.add_argument("--category", action="append", metavar="NAME", help="repeatable")
    parser.add_argument("--event-type", action="append", metavar="NAME", help="repeatable")
    parser.add_argument(
        "-n",
        "--lines",
        type=_lines,
        default=DEFAULT_LINES,
        metavar="N",
        help=f"how many events to begin with (default {DEFAULT_LINES}, at most {MOST_LINES})",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line, events only, as in REST"
    )
    return parser


def _lines(text: str) -> int:
    number = whole_number(text, 0, MOST_LINES)
    if number is None:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 to {MOST_LINES}")
    return number


if __name__ == "__main__":
    main()
