"""Accounts created on a platform, from a device."""

from .cast import PLATFORMS, PlayedAccount, username
from .logins import LoginTeller
from .outages import CAPTCHA, EMAIL
from .storyteller import Moment, Part


class CreationTeller(LoginTeller):
    """A storyteller who creates accounts: those in reserve first, then ones nobody keeps."""

    device_name: str
    reserve: list[PlayedAccount]

    def create_account(self) -> Part:
        """Create one account, however many tries it takes."""
        account = (
            self.reserve.pop()
            if self.reserve
            else PlayedAccount(None, self.rng.choice(PLATFORMS), username(self.rng))
        )
        failures: list[int] = []
        while True:
            cause = self.hindered(EMAIL, account.platform, CAPTCHA, chance=0.06)
            if cause == EMAIL:
                yield from self.fail(failures, [self._skipped(account)])
            else:
                yield from self._signup_begins(account)
                if cause is None:
                    break
                self.spend(2, 5)
                if cause == CAPTCHA:
                    yield from self.fail(failures, [self.captcha_failed(account)])
                yield from self.fail(failures, [self._failed_signup(account, cause)])
            yield from self.retry_later()
        minutes = self.spend(4, 9)
        yield self.tell(
            "account",
            "account_created",
            f"Created {account.label} on {self.device_name}",
            account,
            platform=account.platform,
            username=account.username,
            email=account.email,
            duration_min=round(minutes, 1),
        )
        yield from self.settle(failures, f"{account.label} created at last")
        # Its first login also says that the captchas of its signup are behind it.
        yield from self.login(account, f"on {self.device_name}", "account", "scheduler")

    def _signup_begins(self, account: PlayedAccount) -> Part:
        yield self.tell(
            "scheduler",
            "creation_started",
            f"Creating an account on {account.platform} from {self.device_name}",
            account,
            platform=account.platform,
            device_name=self.device_name,
        )
        self.spend(0.2, 1)
        yield self.tell(
            "account",
            "account_creation_started",
            f"Signup on {account.platform} begins as {account.username}",
            account,
            platform=account.platform,
            username=account.username,
            email=account.email,
        )

    def _skipped(self, account: PlayedAccount) -> Moment:
        return self.tell(
            "scheduler",
            "creation_skipped",
            f"Creation of {account.label} skipped: email provider not configured",
            account,
            platform=account.platform,
            reason="email provider not configured",
        )

    def _failed_signup(self, account: PlayedAccount, cause: str) -> Moment:
        step = "captcha" if cause == CAPTCHA else self.rng.choice(("birthday", "email_code"))
        return self.tell(
            "account",
            "account_creation_failed",
            f"Signup of {account.label} failed at step {step}",
            account,
            platform=account.platform,
            username=account.username,
            email=account.email,
            step=step,
        )
