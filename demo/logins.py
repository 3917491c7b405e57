"""Logging in, from a device or from the dashboard: until it works."""

from collections.abc import Iterator

from .cast import PlayedAccount
from .outages import CAPTCHA
from .storyteller import Moment, Part, Storyteller

_CAPTCHAS = {"tiktok": ("slide", "rotate", "3d"), "instagram": ("recaptcha", "image")}


class LoginTeller(Storyteller):
    """A storyteller whose accounts log in."""

    def captcha_failed(self, account: PlayedAccount) -> Moment:
        kind = self.rng.choice(_CAPTCHAS.get(account.platform, ("image",)))
        seconds = self.rng.choice((60, 90, 120))
        return self.tell(
            "auth",
            "captcha_failed",
            f"CAPTCHA ({kind}) on {account.platform} not solved by capsolver in {seconds} s",
            account,
            platform=account.platform,
            solver="capsolver",
            type=kind,
            task_id=f"{self.rng.getrandbits(48):012x}",
            timeout_sec=seconds,
        )

    def _failed(
        self, account: PlayedAccount, cause: str, categories: tuple[str, ...]
    ) -> Iterator[Moment]:
        """Tell what one failed login leaves behind, the captcha's failure first."""
        step = "captcha" if cause == CAPTCHA else self.rng.choice(("login", "login", "2fa"))
        why = f": {cause} is not answering" if cause else f" at step {step}"
        if cause == CAPTCHA:
            yield self.captcha_failed(account)
        for category in categories:
            yield self.tell(
                category,
                "login_failed",
                f"{account.platform.capitalize()} login failed for {account.email}{why}",
                account,
                platform=account.platform,
                username=account.username,
                email=account.email,
                step=step,
            )

    def login(self, account: PlayedAccount, where: str, *categories: str) -> Part:
        """Log in, again and again until it works; failures are told under each of `categories`."""
        failures: list[int] = []
        attempts = 0
        while True:
            attempts += 1
            self.spend(0.5, 2)
            cause = self.hindered(account.platform, CAPTCHA, chance=0.04)
            if cause is None:
                break
            yield from self.fail(failures, self._failed(account, cause, categories))
            yield from self.retry_later()
        yield self.tell(
            "account",
            "login_success",
            f"Logged in {account.label} {where}",
            account,
            platform=account.platform,
            username=account.username,
            attempts=attempts,
        )
        yield from self.settle(failures, f"{account.label} logged in again")
