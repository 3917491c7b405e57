"""The dashboard: people log accounts in by hand, from its event loop."""

from .cast import PlayedAccount
from .logins import LoginTeller
from .outages import Outages
from .storyteller import Story


class Dashboard(LoginTeller):
    """What people do in the dashboard."""

    def __init__(self, accounts: tuple[PlayedAccount, ...], seed: int, outages: Outages) -> None:
        super().__init__("dashboard", seed, outages)
        self._accounts = accounts

    def story(self) -> Story:
        while True:
            self.pause(10, 40)
            yield from self.login(self.rng.choice(self._accounts), "account")
