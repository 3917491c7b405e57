"""What operators see under /admin/: Django's own admin, read-only, with resolve and reopen."""

from . import account, device, event, history, site, token

__all__ = ["account", "device", "event", "history", "site", "token"]
