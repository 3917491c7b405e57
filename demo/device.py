"""One device's thread: warming sessions and account creations, one after the other."""

from .apps import AppTeller
from .cast import Cast, PlayedAccount, PlayedDevice
from .creations import CreationTeller
from .outages import HOUR, Outages
from .storyteller import Moment, Part, Story

_PHASES = ((5, "LIGHT", "warming_p1"), (10, "MEDIUM", "warming_p2"), (15, "HEAVY", "warming_p3"))
_LAST_PHASE = ("FULL", "active")
_LOOP_ERRORS = (
    "KeyError: 'sessionId'",
    "ConnectionResetError: [Errno 104] Connection reset by peer",
    "StaleElementReferenceException: element is no longer attached",
)


class DeviceLoop(AppTeller, CreationTeller):
    """What happens on one device."""

    device: PlayedDevice

    def __init__(self, device: PlayedDevice, cast: Cast, seed: int, outages: Outages) -> None:
        super().__init__(device.name, seed, outages)
        self.device = device
        self.device_name = device.name
        self.reserve = list(cast.reserve_of(device))
        self._age_days = {it: self.rng.randint(0, 14) for it in cast.accounts_of(device)}

    def story(self) -> Story:
        self.spend(2, 20)
        while True:
            yield from self._reconnect()
            if self.rng.random() < 0.12:
                yield from self.create_account()
            else:
                yield from self._session(self.rng.choice(list(self._age_days)))
            if self.rng.random() < 0.03:
                yield self._loop_error()
            self.pause(3, 12)

    def retry_later(self) -> Part:
        yield from super().retry_later()
        yield from self._reconnect()

    def _reconnect(self) -> Part:
        """Wait until the device is there."""
        failures: list[int] = []
        while self.outages.end(self.device.name, self.at):
            lost = self.tell(
                "device",
                "device_disconnected",
                f"{self.device.name} disconnected: WDA on port {self.device.wda_port} "
                "not responding after 60 s",
                device_name=self.device.name,
                wda_port=self.device.wda_port,
                timeout_sec=60,
            )
            yield from self.fail(failures, [lost])
            self.pause(8, 15)
        yield from self.settle(failures, f"{self.device.name} responds again")

    def _session(self, account: PlayedAccount) -> Part:
        chance = self.rng.random()
        if chance < 0.15:
            yield from self.reset_app(account.platform)
        if chance < 0.4:
            yield from self.login(account, f"on {self.device.name}", "account", "scheduler")
        failures: list[int] = []
        while True:
            yield self.tell(
                "scheduler",
                "warming_started",
                f"Warming {account.label} on {self.device.name}",
                account,
                platform=account.platform,
                device_name=self.device.name,
            )
            cause = self.hindered(account.platform, chance=0)
            minutes = self.spend(18, 40) if cause is None else self.spend(1, 4)
            cause = cause or self.hindered(self.device.name, account.platform)
            if cause is None:
                break
            yield from self.fail(failures, [self._not_warmed(account, cause, minutes)])
            yield from self.retry_later()
        yield self._warmed(account, minutes)
        yield from self.settle(failures, f"{account.label} warmed again")

    def _warmed(self, account: PlayedAccount, minutes: float) -> Moment:
        day = 1 + (self._age_days[account] + int(self.at / (24 * HOUR))) % 30
        phase, state = next((it[1:] for it in _PHASES if day <= it[0]), _LAST_PHASE)
        videos = round(minutes * self.rng.uniform(1.2, 1.8))
        return self.tell(
            "scheduler",
            "warming_complete",
            f"Warmed {account.label}: {videos} videos",
            account,
            platform=account.platform,
            videos_watched=videos,
            likes=self.rng.randint(0, 2 + day // 2),
            follows=self.rng.randint(0, 1 + day // 5),
            duration_min=round(minutes, 1),
            phase=phase,
            new_state=state,
            warming_day=day,
        )

    def _not_warmed(self, account: PlayedAccount, cause: str, minutes: float) -> Moment:
        why = f"{cause} is not answering" if cause else "element not found: feed"
        return self.tell(
            "scheduler",
            "warming_failed",
            f"Warming {account.label} failed after {minutes:.0f} min: {why}",
            account,
            platform=account.platform,
            duration_min=round(minutes, 1),
            error=why,
        )

    def _loop_error(self) -> Moment:
        error = self.rng.choice(_LOOP_ERRORS)
        return self.tell(
            "scheduler",
            "device_loop_error",
            f"PlayedDevice loop of {self.device.name} failed: {error}",
            device_name=self.device.name,
            error=error,
        )
