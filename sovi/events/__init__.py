"""The specification's import, `from sovi import events`: the names of `sovi_events`."""

from sovi_events import *  # noqa: F403
from sovi_events import __all__ as __all__
