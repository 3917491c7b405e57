"""What the list of events weighs on its way to a browser, compressed as a proxy does it."""

import gzip
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from admin_rows import LIST, add, add_many, text_of
from django.contrib.staticfiles import finders
from django.test import Client

from events.models import SavedView

pytestmark = pytest.mark.django_db

BOUND = 250_000
LINKED = re.compile(r'<(?:script|link)\b[^>]*?(?:src|href)="(/static/[^"]+)"')
# What a stylesheet or a module asks for in turn.
ASKED_FOR = {
    ".css": re.compile(r"""url\(["']?(?!data:|#)([^"')]+)"""),
    ".js": re.compile(r"""^(?:import|export)\b[^"';]*["'](\.*/[^"']+)["']""", re.MULTILINE),
}


def content(address: str) -> bytes:
    found = finders.find(urlsplit(address).path.removeprefix("/static/"))
    assert isinstance(found, str), address
    return Path(found).read_bytes()


def assets(page: str) -> dict[str, bytes]:
    """Every file that the page's browser fetches, those that others ask for included."""
    found: dict[str, bytes] = {}
    waiting = LINKED.findall(page)
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        found[address] = content(address)
        if pattern := ASKED_FOR.get(Path(address).suffix):
            asked = pattern.findall(found[address].decode())
            waiting += [urljoin(address, name) for name in asked]
    return found


def test_the_list_with_50_rows_and_its_assets_stays_below_250_kb(
    admin_client: Client, admin_user: object
) -> None:
    [first] = add_many(1)
    for number in range(59):
        add(f"Login failed: unexpected screen {number}", device=first.device, account=first.account)
    for number in range(50):
        SavedView.objects.create(owner=admin_user, name=f"View {number}", query=f"q={number}")
    page = text_of(admin_client.get(f"{LIST}?category=scheduler&q=-nothing"))
    assert page.count('class="action-select"') == 50
    files = assets(page)
    names = {Path(address).name for address in files}
    # By the page, by a stylesheet, by a module.
    assert names >= {"list.css", "saved_views.css", "arrivals.js", "mark.svg", "stream.js"}
    weights = {"page": len(gzip.compress(page.encode(), 6))}
    weights |= {address: len(gzip.compress(found, 6)) for address, found in files.items()}
    assert sum(weights.values()) <= BOUND, weights
