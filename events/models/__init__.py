"""The tables operators see: SOVI's own three, and those this application adds."""

from .account import Account as Account
from .action import EventAction as EventAction
from .bulk_job import BulkJob as BulkJob
from .device import Device as Device
from .event import SystemEvent as SystemEvent
from .receipt import EventReceipt as EventReceipt
from .rollup import EventRollup as EventRollup
from .rollup import EventRollupMark as EventRollupMark
from .saved_view import DefaultView as DefaultView
from .saved_view import SavedView as SavedView
from .sign_in import SignIn as SignIn
from .token import ApiToken as ApiToken
