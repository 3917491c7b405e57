"""The tables operators see: SOVI's own three, and the two this application adds."""

from .account import Account
from .action import EventAction
from .device import Device
from .event import SystemEvent
from .token import ApiToken

__all__ = ["Account", "ApiToken", "Device", "EventAction", "SystemEvent"]
