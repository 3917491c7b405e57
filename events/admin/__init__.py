"""What operators see under /admin/: Django's own admin, read-only, with resolve and reopen."""

from . import account, bulk, device, event, history, saved_view, token, user

__all__ = ["account", "bulk", "device", "event", "history", "saved_view", "token", "user"]
