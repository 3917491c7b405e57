"""A running system, as the tests of the whole project ask it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import psycopg
from chromium import Chromium

from sovi import events

PASSWORD = "correct horse battery staple"
PATIENCE_SECONDS = 60


@dataclass
class Live:
    """A running system with a device and an account, and what the proofs ask of it."""

    url: str
    token: str
    device_id: UUID
    account_id: UUID
    session: psycopg.Connection[Any]
    chromium: Chromium

    @property
    def rest(self) -> httpx.Client:
        headers = {"Authorization": f"Token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS)

    def insert(self, event_id: int, category: str, severity: str) -> None:
        """Write a row as SOVI's other programs do, with an id of the specification's examples."""
        self.session.execute(
            "INSERT INTO system_events (id, category, severity, event_type, message)"
            " VALUES (%s, %s, %s, 'login_failed', 'An example')",
            [event_id, category, severity],
        )

    def continue_ids_at(self, event_id: int) -> None:
        """Let the next event get at least this id; ids never go back on a server that runs."""
        self.session.execute(
            "SELECT setval('system_events_id_seq', greatest(last_value, %s))"
            " FROM system_events_id_seq",
            [event_id - 1],
        )

    def row(self, event_id: int) -> dict[str, Any]:
        [row] = [row for row in events.get_events() if row["id"] == event_id]
        return row
