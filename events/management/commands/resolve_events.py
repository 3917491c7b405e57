"""`manage.py resolve_events`: resolve all that match a filter."""

from events.management.bulk_command import BulkCommand
from events.models import EventAction


class Command(BulkCommand):
    help = "Resolve all events that match, after a preview."
    action = EventAction.Action.RESOLVE
    done = "resolved"
