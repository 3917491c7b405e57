"""Pages of the REST API from 100 thousand events beside ten million, and beside raw SQL."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

from . import mixture
from .fill import account_id, device_id
from .pages import print_pages


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


OPERATORS = {
    "critical": "severity=critical",
    "error,critical": "severity=error,critical",
    "info": "severity=info",
    "common type": "event_type=warming_started",
    "rare type": f"event_type={mixture.RARE_TYPE}",
    "device": f"device_id={device_id(3)}",
    "silent device": f"device_id={device_id(mixture.SILENT_DEVICE)}",
    "account": f"account_id={account_id(3)}",
    "unresolved": "resolved=false",
}
"""What an operator filters by, alone and in pairs."""

OTHERS = {
    "all": "",
    "all, 500 rows": "limit=500",
    "device, 500 rows": f"device_id={device_id(3)}&limit=500",
    "category": "category=scheduler",
    "resolved": "resolved=true",
    "by an agent": "resolved_by=llm_agent",
    "after an id": "after_id=1000",
    "since and until": f"since={_days_ago(30)}&until={_days_ago(20)}",
    "text of few": "q=certificate",
    "text of an account": "q=grind1724",
    "text of an account + unresolved": "q=grind1724+resolved:no",
    "older than 50,000": "cursor=b2xkZXIgNTAwMDA=",
}


def run(*, quick: bool = False) -> None:
    """Measure and print; `quick` only shows that it runs."""
    pages = OTHERS | OPERATORS
    for (one, first), (other, second) in combinations(OPERATORS.items(), 2):
        if first.partition("=")[0] != second.partition("=")[0]:
            pages[f"{one} + {other}"] = f"{first}&{second}"
    if quick:
        pages = dict(list(pages.items())[::8])
    print_pages({name: f"/api/events?{query}" for name, query in pages.items()}, quick=quick)
