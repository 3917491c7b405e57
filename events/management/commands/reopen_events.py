"""`manage.py reopen_events`: reopen all that match a filter."""

from events.management.bulk_command import BulkCommand
from events.models import EventAction


class Command(BulkCommand):
    help = "Reopen all events that match, after a preview."
    action = EventAction.Action.REOPEN
    done = "reopened"
