"""What users may do: Django's permissions, as every face asks for them."""

VIEW = "events.view_systemevent"
ADD = "events.add_systemevent"
RESOLVE = "events.resolve_systemevent"
VIEW_DEVICE = "events.view_device"
VIEW_ACCOUNT = "events.view_account"
VIEW_ACTION = "events.view_eventaction"
VIEW_TOKENS = "events.view_apitoken"
REVOKE = "events.delete_apitoken"

VIEWING = (VIEW, VIEW_DEVICE, VIEW_ACCOUNT, VIEW_ACTION)
"""Events themselves; the names of devices and of accounts; who acted and why. Each hides its own on
every face: what is not shown is null in JSON, an id in place of a name."""
