"""Logging in, from a device or from the dashboard: until it works."""

from collections.abc import Iterator
from itertools import count

from .cast import PlayedAccount
from .outages import CAPTCHA, Outages
from .storyteller import Moment, Moments, Story, Storyteller

_CAPTCHAS = {"tiktok": ("slide", "rotate", "3d"), "instagram": ("recaptcha", "image")}


class LoginTeller(Storyteller):
    """A storyteller whose accounts log in."""

    def login(self, account: PlayedAccount, *categories: str) -> Story:
        """Log in; failures are told under each of `categories`."""
        yield from self.until_it_works(
            self._try_to_log_in,
            account,
            categories,
            count(1),
            over=f"{account.label} logged in again",
        )

    def _try_to_log_in(
        self, account: PlayedAccount, categories: tuple[str, ...], attempts: Iterator[int]
    ) -> Moments:
        number = next(attempts)
        self.spend(0.5, 2)
        cause = self.hindered(account.platform, CAPTCHA, chance=0.04)
        if cause is None:
            yield self.tell("login_success", account, username=account.username, attempts=number)
            return
        step = "captcha" if cause == CAPTCHA else self.rng.choice(("login", "login", "2fa"))
        error = f"{cause} is not answering" if cause else f"stuck at step {step}"
        if cause == CAPTCHA:
            yield self.captcha_failed(account)
        for category in categories:
            yield self.tell(
                "login_failed",
                account,
                category=category,
                **account.credentials,
                step=step,
                error=error,
            )

    def captcha_failed(self, account: PlayedAccount) -> Moment:
        kind = self.rng.choice(_CAPTCHAS.get(account.platform, ("image",)))
        seconds = self.rng.choice((60, 90, 120))
        task = f"{self.rng.getrandbits(48):012x}"
        return self.tell(
            "captcha_failed",
            account,
            solver="capsolver",
            type=kind,
            task_id=task,
            timeout_sec=seconds,
        )


class Dashboard(LoginTeller):
    """The dashboard, where people log accounts in by hand."""

    def __init__(self, accounts: tuple[PlayedAccount, ...], seed: int, outages: Outages) -> None:
        super().__init__("dashboard", seed, outages)
        self._accounts = accounts

    def story(self) -> Story:
        while True:
            self.pause(10, 40)
            yield from self.login(self.rng.choice(self._accounts), "account")
