"""Addresses of the list of events and of timelines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode


def list_url(**filters: Any) -> str:
    """The address of the list of events with these filters."""
    address = reverse("admin:events_systemevent_changelist")
    return f"{address}?{urlencode(filters, doseq=True)}"


def timeline_url(parameters: Mapping[str, Any], until: datetime | None = None) -> str:
    """The address of a timeline; without `until` it ends at the present."""
    end = {} if until is None else {"until": until.isoformat()}
    return f"{reverse('console:timeline')}?{urlencode({**parameters, **end})}"
