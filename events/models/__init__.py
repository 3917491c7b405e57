"""The tables operators see: SOVI's own three, and those this application adds."""

from .account import Account
from .action import EventAction
from .bulk_job import BulkJob
from .device import Device
from .event import SystemEvent
from .receipt import EventReceipt
from .rollup import EventRollup, EventRollupMark
from .saved_view import DefaultView, SavedView
from .token import ApiToken

__all__ = [
    "Account",
    "ApiToken",
    "BulkJob",
    "DefaultView",
    "Device",
    "EventAction",
    "EventReceipt",
    "EventRollup",
    "EventRollupMark",
    "SavedView",
    "SystemEvent",
]
