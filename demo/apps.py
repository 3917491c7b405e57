"""The platforms' apps on a device: deleted to get a new IDFV, installed again."""

from .outages import APP_STORE
from .storyteller import Part, Storyteller


class AppTeller(Storyteller):
    """A storyteller who deletes and installs apps."""

    device_name: str

    def reset_app(self, platform: str) -> Part:
        """Delete and install the app, each until it works."""
        yield from self._delete(platform)
        yield from self._install(platform)

    def _delete(self, platform: str) -> Part:
        failures: list[int] = []
        while True:
            self.spend(0.2, 1)
            cause = self.hindered(chance=0.12)
            if cause is None:
                break
            failed = self.tell(
                "device",
                "app_delete_failed",
                f"Failed to delete {platform} from {self.device_name}: icon not found",
                platform=platform,
                device_name=self.device_name,
                error="icon not found",
            )
            yield from self.fail(failures, [failed])
            yield from self.retry_later()
        yield self.tell(
            "device",
            "app_deleted",
            f"Deleted {platform} from {self.device_name}",
            platform=platform,
            device_name=self.device_name,
            idfv_reset=True,
        )
        yield from self.settle(failures, f"{platform} deleted at last")

    def _install(self, platform: str) -> Part:
        failures: list[int] = []
        while True:
            minutes = self.spend(1, 4)
            cause = self.hindered(APP_STORE)
            if cause is None:
                break
            # The device reports what it saw, the scheduler that it gave up waiting.
            for category in ("device", "scheduler"):
                failed = self.tell(
                    category,
                    "install_failed",
                    f"Install of {platform} on {self.device_name} timed out after 300 s",
                    platform=platform,
                    device_name=self.device_name,
                    timeout_sec=300,
                    cause=cause or "download stalled",
                )
                yield from self.fail(failures, [failed])
            yield from self.retry_later()
        yield self.tell(
            "device",
            "app_installed",
            f"Installed {platform} on {self.device_name} in {minutes * 60:.0f} s",
            platform=platform,
            device_name=self.device_name,
            duration_sec=round(minutes * 60),
        )
        yield from self.settle(failures, f"{platform} installed at last")
