"""The library's calls for programs that call them with any arguments: none of them raises for one.

`from sovi_events import lenient as events` offers the names of `sovi_events`. See
`docs/adopting.md` for how a program comes to it from events of its own.
"""

from .. import __all__ as __all__
from ..configuration import configure as configure
from ..errors import ConfigurationError as ConfigurationError
from ..errors import DatabaseUnavailable as DatabaseUnavailable
from ..errors import EventsError as EventsError
from ..errors import InvalidEvent as InvalidEvent
from ..errors import NotMigrated as NotMigrated
from ..handler import EventHandler as EventHandler
from .client import async_emit as async_emit
from .client import async_emit_many as async_emit_many
from .client import async_flush as async_flush
from .client import async_get_events as async_get_events
from .client import async_get_unresolved as async_get_unresolved
from .client import async_reopen as async_reopen
from .client import async_resolve as async_resolve
from .client import emit as emit
from .client import emit_many as emit_many
from .client import flush as flush
from .client import get_events as get_events
from .client import get_unresolved as get_unresolved
from .client import reopen as reopen
from .client import resolve as resolve
