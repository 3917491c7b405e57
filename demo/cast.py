"""Who appears in the story: devices and accounts, the same ones in every run."""

from random import Random
from typing import NamedTuple
from uuid import UUID, uuid5

NAMESPACE = UUID("5d1a3f0e-7c7b-5a55-9d0c-2b6f0f6b7a11")
PLATFORMS = ("tiktok", "instagram")
FIRST_WDA_PORT = 8100
_DEVICES = 12
_RESERVE = 6
_NICHES = ("grind", "vibe", "chef", "lift", "glow", "pixel", "trail", "thrift", "focus", "mint")


class PlayedDevice(NamedTuple):
    """A phone; `id` is None when it stands in no table."""

    id: UUID | None
    name: str
    wda_port: int


class PlayedAccount(NamedTuple):
    """An account on a platform; `id` is None when it stands in no table."""

    id: UUID | None
    platform: str
    username: str

    @property
    def label(self) -> str:
        return f"{self.platform}/{self.username}"

    @property
    def site(self) -> str:
        return self.platform.capitalize()

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"

    @property
    def credentials(self) -> dict[str, str]:
        return {"username": self.username, "email": self.email}


class Cast(NamedTuple):
    """The whole fleet; the accounts in `reserve` are still to be created on their platform."""

    devices: tuple[PlayedDevice, ...]
    accounts: tuple[PlayedAccount, ...]
    reserve: tuple[PlayedAccount, ...]

    def accounts_of(self, device: PlayedDevice) -> tuple[PlayedAccount, ...]:
        """Return the accounts that a device warms: two, one a platform, or what there is."""
        place = self.devices.index(device)
        return self.accounts[place :: len(self.devices)] or self.accounts[:1]

    def reserve_of(self, device: PlayedDevice) -> tuple[PlayedAccount, ...]:
        return self.reserve[self.devices.index(device) :: len(self.devices)]


def username(rng: Random) -> str:
    return f"{rng.choice(_NICHES)}{rng.randint(1000, 9999)}"


def own_cast() -> Cast:
    """Return the demo's own devices and accounts, with ids that every run shares."""
    devices = [
        PlayedDevice(
            uuid5(NAMESPACE, f"device/{letter}"), f"iPhone-{letter}", FIRST_WDA_PORT + place
        )
        for place, letter in enumerate("ABCDEFGHIJKLMNOP"[:_DEVICES])
    ]
    rng = Random("accounts")
    accounts = []
    for place in range(2 * _DEVICES + _RESERVE):
        # The first round of devices gets one platform each, the second round the other.
        platform = PLATFORMS[(place + place // _DEVICES) % 2]
        identity = uuid5(NAMESPACE, f"account/{place}")
        accounts.append(PlayedAccount(identity, platform, username(rng)))
    return Cast(tuple(devices), tuple(accounts[: 2 * _DEVICES]), tuple(accounts[2 * _DEVICES :]))
