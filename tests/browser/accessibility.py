"""What axe finds on a page."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe

CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def violations(page: Any, scheme: str = "light") -> list[str]:
    """Return each rule that is broken and where; in the dark only what is a matter of colours."""
    found = Axe().run(page, options=CONTRAST if scheme == "dark" else None)
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
