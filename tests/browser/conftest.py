"""A real Chromium on the server of the run; what its console and its policy say fails the test.

While Playwright runs, this thread has an event loop: Django refuses its ORM there and asyncio.run
fails. So it is shown within a test only, and rows are seeded and checked with plain psycopg.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

expect.set_options(timeout=30_000)  # other tests keep the machine busy


@pytest.fixture
def password() -> str:
    """The operator's password."""
    return "correct horse battery staple"


@pytest.fixture
def browser(chromium: Any, operator: Client) -> Iterator[Browser]:
    with chromium.lent() as browser:
        yield browser


@pytest.fixture
def operator(transactional_db: None, password: str) -> Client:
    """A superuser's session, made before the browser's loop runs."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator", password=password))
    return client


@dataclass
class Visit:
    """A page logged in as an operator, and the database behind it."""

    page: Page
    rows: psycopg.Connection[Any]

    def add(self, message: str = "Hello", **columns: Any) -> int:
        given = {
            "category": "scheduler",
            "severity": "error",
            "event_type": "login_failed",
            "message": message,
            **columns,
        }
        names, marks = ", ".join(given), ", ".join(["%s"] * len(given))
        found = self.rows.execute(
            f"INSERT INTO system_events ({names}) VALUES ({marks}) RETURNING id",
            list(given.values()),
        ).fetchone()
        assert found
        return int(found[0])

    def value(self, sql: str, *params: Any) -> Any:
        row = self.rows.execute(sql, params).fetchone()
        return row and row[0]

    def device(self, name: str = "iPhone-A") -> Any:
        return self.value(
            "INSERT INTO devices (id, name) VALUES (gen_random_uuid(), %s) RETURNING id", name
        )

    def account(self, username: str = "grind4829") -> Any:
        return self.value(
            "INSERT INTO accounts (id, platform, username)"
            " VALUES (gen_random_uuid(), 'tiktok', %s) RETURNING id",
            username,
        )

    def hide(self, hidden: bool) -> None:
        """Let the page be told that its tab is hidden, or shown again."""
        self.page.evaluate(
            """hidden => {
                Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
                document.dispatchEvent(new Event('visibilitychange'));
            }""",
            hidden,
        )

    def has_no_sideways_scroll(self) -> bool:
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            )
        )


Visiting = Callable[..., Visit]


@pytest.fixture
def visit(server: Any, operator: Client, browser: Browser) -> Iterator[Visiting]:
    """Open a page, logged in unless told otherwise, in a viewport and colour scheme of choice.

    Fails the test for whatever the console reports, errors and violations of the policy, but for
    those that hold the text a test provokes.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []
    rows = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    def open_page(
        *,
        width: int = 1440,
        scheme: Any = "light",
        log_in: bool = True,
        tolerate: str | None = None,
    ) -> Visit:
        context = browser.new_context(
            base_url=server.url,
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def listen(message: ConsoleMessage) -> None:
            tolerated = tolerate is not None and tolerate in message.text
            if message.type in ("error", "warning") and not tolerated:
                complaints.append(message.text)

        page.on("console", listen)
        if log_in:
            session = operator.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}]
            )
        return Visit(page, rows)

    yield open_page
    for context in contexts:
        context.close()
    rows.close()
    assert complaints == []
