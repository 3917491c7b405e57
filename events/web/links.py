"""Addresses of the list of events and of timelines."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.urls import get_script_prefix, reverse
from django.utils.http import urlencode


def list_url(**filters: Any) -> str:
    """The address of the list of events with these filters."""
    address = _address("admin:events_systemevent_changelist", get_script_prefix())
    return f"{address}?{urlencode(filters, doseq=True)}"


def event_url(event_id: int) -> str:
    """The address of an event's page, as `reverse` finds it anew for each."""
    address = _address("admin:events_systemevent_changelist", get_script_prefix())
    return f"{address}{event_id}/change/"


def timeline_url(parameters: Mapping[str, Any], until: datetime | None = None) -> str:
    """The address of a timeline; without `until` it ends at the present."""
    end = {} if until is None else {"until": until.isoformat()}
    address = _address("console:timeline", get_script_prefix())
    return f"{address}?{urlencode({**parameters, **end})}"


@cache
def _address(view: str, script_prefix: str) -> str:
    """A page holds a hundred links to each; what `reverse` answers depends on the prefix, too."""
    return reverse(view)
