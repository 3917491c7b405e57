"""What operators submit with the forms of the admin's pages: who, why, and up to which event."""

from django.http import HttpRequest

from events.models.action import REASON_LENGTH
from events.models.actor import Actor
from sovi_events.following.position import MAX_ID
from sovi_events.whole_number import whole_number

NEWEST_ID = "newest_id"


def actor_of(request: HttpRequest) -> Actor:
    """Whoever is logged in to the admin is a person."""
    return Actor(request.user.get_username(), "human", "admin", request.user.pk)


def reason_of(request: HttpRequest) -> str | None:
    """Why, as typed beside the action; None when nothing was."""
    return request.POST.get("reason", "").replace("\0", "").strip()[:REASON_LENGTH] or None


def read_id(text: str) -> int | None:
    """Read an event's id; None when the text can't be one."""
    return whole_number(text, 0, MAX_ID)
