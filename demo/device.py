"""One device's thread: warming sessions, apps reset and accounts created, in turn."""

from .cast import PLATFORMS, Cast, PlayedAccount, PlayedDevice, username
from .logins import LoginTeller
from .outages import APP_STORE, CAPTCHA, EMAIL, HOUR, MINUTE, Outages
from .storyteller import Moment, Moments, Story

_PHASES = ((5, "LIGHT", "warming_p1"), (10, "MEDIUM", "warming_p2"), (15, "HEAVY", "warming_p3"))
_LAST_PHASE = ("FULL", "active")
_LOOP_ERRORS = (
    "KeyError: 'sessionId'",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "StaleElementReferenceException: element is no longer attached",
)


class DeviceLoop(LoginTeller):
    """What happens on one device."""

    device: PlayedDevice

    def __init__(self, device: PlayedDevice, cast: Cast, seed: int, outages: Outages) -> None:
        super().__init__(device.name, seed, outages)
        self.device = device
        self._reserve = list(cast.reserve_of(device))
        self._age_days = {it: self.rng.randint(0, 14) for it in cast.accounts_of(device)}

    def story(self) -> Story:
        self.spend(2, 20)
        while True:
            yield from self.reconnect()
            if self.rng.random() < 0.12:
                yield from self._create_account()
            else:
                yield from self._session(self.rng.choice(list(self._age_days)))
            if self.rng.random() < 0.03:
                error = self.rng.choice(_LOOP_ERRORS)
                yield self.tell("device_loop_error", error=error)
            self.pause(3, 12)

    def reconnect(self) -> Story:
        failures: list[int] = []
        while self.outages.end(self.device.name, self.at):
            port = self.device.wda_port
            lost = self.tell("device_disconnected", wda_port=port, timeout_sec=60)
            failures.append(lost.number)
            yield lost
            self.pause(8, 15)
        yield from self.settle(failures, f"{self.device.name} responds again")

    def _session(self, account: PlayedAccount) -> Story:
        chance = self.rng.random()
        if chance < 0.15:
            yield from self._reset_app(account.platform)
        if chance < 0.4:
            yield from self.login(account, "account", "scheduler")
        yield from self.until_it_works(
            self._try_to_warm, account, over=f"{account.label} warmed again"
        )

    def _try_to_warm(self, account: PlayedAccount) -> Moments:
        yield self.tell("warming_started", account, device_name=self.device.name)
        cause = self.hindered(account.platform, chance=0)
        minutes = self.spend(18, 40) if cause is None else self.spend(1, 4)
        cause = cause or self.hindered(self.device.name, account.platform)
        if cause is None:
            yield self._warmed(account, minutes)
            return
        error = f"{cause} is not answering" if cause else "element not found: feed"
        yield self.tell("warming_failed", account, duration_min=round(minutes, 1), error=error)

    def _warmed(self, account: PlayedAccount, minutes: float) -> Moment:
        day = 1 + (self._age_days[account] + int(self.at / (24 * HOUR))) % 30
        phase, state = next((it[1:] for it in _PHASES if day <= it[0]), _LAST_PHASE)
        return self.tell(
            "warming_complete",
            account,
            videos_watched=round(minutes * self.rng.uniform(1.2, 1.8)),
            likes=self.rng.randint(0, 2 + day // 2),
            follows=self.rng.randint(0, 1 + day // 5),
            duration_min=round(minutes, 1),
            phase=phase,
            new_state=state,
            warming_day=day,
        )

    # -- The platforms' apps: deleted to get a new IDFV, installed again ---------------------------

    def _reset_app(self, platform: str) -> Story:
        """Delete and install the app, each until it works."""
        yield from self.until_it_works(
            self._try_to_delete, platform, over=f"{platform} deleted at last"
        )
        yield from self.until_it_works(
            self._try_to_install, platform, over=f"{platform} installed at last"
        )

    def _try_to_delete(self, platform: str) -> Moments:
        self.spend(0.2, 1)
        if self.hindered(chance=0.12) is None:
            yield self.tell("app_deleted", platform=platform, idfv_reset=True)
        else:
            yield self.tell("app_delete_failed", platform=platform, error="icon not found")

    def _try_to_install(self, platform: str) -> Moments:
        seconds = self.spend(1, 4) * MINUTE
        cause = self.hindered(APP_STORE)
        if cause is None:
            yield self.tell("app_installed", platform=platform, duration_sec=round(seconds))
            return
        # The device reports what it saw, the scheduler that it gave up waiting.
        for category in ("device", "scheduler"):
            yield self.tell(
                "install_failed",
                category=category,
                platform=platform,
                timeout_sec=300,
                cause=cause or "download stalled",
            )

    # -- New accounts: those in reserve first, then ones nobody keeps ------------------------------

    def _create_account(self) -> Story:
        """Create one account, however many tries it takes."""
        account = (
            self._reserve.pop()
            if self._reserve
            else PlayedAccount(None, self.rng.choice(PLATFORMS), username(self.rng))
        )
        yield from self.until_it_works(
            self._try_to_create, account, over=f"{account.label} created at last"
        )
        # Its first login also says that the captchas of its signup are behind it.
        yield from self.login(account, "account", "scheduler")

    def _try_to_create(self, account: PlayedAccount) -> Moments:
        cause = self.hindered(EMAIL, account.platform, CAPTCHA, chance=0.06)
        if cause == EMAIL:
            reason = "email provider not configured"
            yield self.tell("creation_skipped", account, reason=reason)
            return
        yield self.tell("creation_started", account, device_name=self.device.name)
        self.spend(0.2, 1)
        yield self.tell("account_creation_started", account, **account.credentials)
        if cause is None:
            minutes = round(self.spend(4, 9), 1)
            yield self.tell("account_created", account, **account.credentials, duration_min=minutes)
            return
        self.spend(2, 5)
        if cause == CAPTCHA:
            yield self.captcha_failed(account)
        step = "captcha" if cause == CAPTCHA else self.rng.choice(("birthday", "email_code"))
        yield self.tell("account_creation_failed", account, **account.credentials, step=step)
