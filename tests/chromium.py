"""The one Chromium of a run."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

PATHS = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Chromium:
    """Started at its first use, and lent for a block.

    Playwright's event loop counts as this thread's while it runs: Django refuses its ORM then and
    `asyncio.run` fails. It never ends between blocks, so there it is hidden.
    """

    def __init__(self) -> None:
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def lent(self) -> Iterator[Browser]:
        """Lend it without a page; those opened meanwhile are closed at the end.

        Where there is none the test is skipped, but in CI it fails.
        """
        with self._loop_shown():
            if self._browser is None or not self._browser.is_connected():
                self._browser = self._launch()
            try:
                yield self._browser
            finally:
                for context in self._browser.contexts:
                    context.close()

    def close(self) -> None:
        with self._loop_shown():
            if self._browser is not None:
                self._browser.close()
            if self._playwright is not None:
                self._playwright.stop()

    def _launch(self) -> Browser:
        path = next((path for name in PATHS if (path := shutil.which(name))), None)
        if path is None:
            reason = "No Chromium here: install Debian's package chromium."
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        self._playwright = self._playwright or sync_playwright().start()
        return self._playwright.chromium.launch(executable_path=path, args=ARGUMENTS)

    @contextmanager
    def _loop_shown(self) -> Iterator[None]:
        # As Playwright itself does it after each of its calls.
        asyncio._set_running_loop(self._loop)
        try:
            yield
        finally:
            self._loop = asyncio._get_running_loop()
            asyncio._set_running_loop(None)
