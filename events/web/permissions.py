"""What users may do: Django's permissions, as every face asks for them."""

VIEW = "events.view_systemevent"
ADD = "events.add_systemevent"
RESOLVE = "events.resolve_systemevent"
VIEW_DEVICE = "events.view_device"
VIEW_ACCOUNT = "events.view_account"
VIEW_ACTION = "events.view_eventaction"
REVOKE = "events.delete_apitoken"
