"""The admin's list of events, plain and with each filter, the dashboard and the problems, from both
sizes of table."""

from urllib.parse import urlencode

from . import mixture
from .pages import print_pages

FILTERS: dict[str, dict[str, str]] = {
    "plain": {},
    "unresolved": {"resolved": "false"},
    "resolved": {"resolved": "true"},
    "critical": {"severity": "critical"},
    "category": {"category": "scheduler"},
    "common type": {"event_type": "warming_started"},
    "rare type": {"event_type": mixture.RARE_TYPE},
    "by a person": {"resolved_by": "human"},
    "last 24 hours": {"since": "24h"},
    "device": {"device": "iPhone-3"},
    "silent device, unresolved": {"device": f"iPhone-{mixture.SILENT_DEVICE}", "resolved": "false"},
    "account": {"account": "grind3"},
    "last page counted": {"p": "200"},
}

PAGES = {"dashboard": "/admin/", "problems": "/admin/events/problems/"}


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    filters = dict(list(FILTERS.items())[::4]) if quick else FILTERS
    address = "/admin/events/systemevent/"
    lists = {name: f"{address}?{urlencode(it)}" for name, it in filters.items()}
    print_pages({**PAGES, **lists}, quick=quick)
