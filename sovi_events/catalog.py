"""The known events: categories, severities, resolvers and event types, as data.

The specification's tables are the source. Severity and resolver are closed sets; categories and
event types are open: an unknown one is stored and shown like any other.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal, NamedTuple, get_args

Severity = Literal["info", "warning", "error", "critical"]
Resolver = Literal["human", "llm_agent", "auto"]

SEVERITIES: tuple[str, ...] = get_args(Severity)
"""From the mildest to the gravest."""

RESOLVERS: tuple[str, ...] = get_args(Resolver)

CATEGORIES = ("scheduler", "device", "account", "auth")

TYPING_MISTAKE = 0.75
"""From this likeness on: `eror` is one, `warn` and `debug` may be what another program writes."""


def asked_for(text: str, known: Sequence[str]) -> str:
    """Return what rows may hold: one of the known, in its own case, or what another program wrote.

    Raises ValueError for what looks like a known one typed wrong: to find nothing would hide it.
    """
    folded = text.strip().lower()
    if folded in known:
        return folded
    if get_close_matches(folded, known, cutoff=TYPING_MISTAKE):
        raise ValueError(f"“{text}” is not one of {', '.join(known)}.")
    return text


class EventType(NamedTuple):
    """One known event type."""

    category: str
    name: str
    severity: str
    when: str

    @property
    def context_fields(self) -> tuple[str, ...]:
        """The keys that its context holds by convention."""
        return _CONTEXT_FIELDS.get(self.name, ())

    @property
    def recovered_by(self) -> tuple[str, ...]:
        """The event types of the same device or account that mean the failure is over."""
        return _RECOVERED_BY.get(self.name, ())


EVENT_TYPES = (
    EventType("scheduler", "scheduler_started", "info", "Scheduler begins with N devices"),
    EventType("scheduler", "scheduler_stopping", "info", "Stop requested"),
    EventType("scheduler", "scheduler_stopped", "info", "All threads stopped"),
    EventType("scheduler", "no_devices", "warning", "Started but no active devices found"),
    EventType("scheduler", "warming_started", "info", "Warming session begins"),
    EventType("scheduler", "warming_complete", "info", "Warming session finished"),
    EventType("scheduler", "warming_failed", "error", "Warming session threw exception"),
    EventType("scheduler", "install_failed", "error", "App Store install timed out"),
    EventType("scheduler", "login_failed", "error", "Account login failed"),
    EventType("scheduler", "creation_started", "info", "Account creation begins"),
    EventType(
        "scheduler",
        "creation_skipped",
        "warning",
        "Creation skipped (email provider not configured)",
    ),
    EventType("scheduler", "device_loop_error", "error", "Unhandled exception in device thread"),
    EventType("device", "device_disconnected", "critical", "WDA not responding after timeout"),
    EventType("device", "app_deleted", "info", "App successfully deleted (IDFV reset)"),
    EventType("device", "app_delete_failed", "error", "Failed to delete app"),
    EventType("device", "app_installed", "info", "App installed from App Store"),
    EventType("device", "install_failed", "error", "Install timed out or failed"),
    EventType("account", "login_success", "info", "Platform login completed"),
    EventType("account", "login_failed", "error", "Login threw exception"),
    EventType("account", "account_creation_started", "info", "Signup flow begins"),
    EventType(
        "account", "account_created", "info", "Account successfully created and stored in DB"
    ),
    EventType("account", "account_creation_failed", "error", "Signup flow failed"),
    EventType(
        "auth", "captcha_failed", "warning", "CAPTCHA solve timed out or task creation failed"
    ),
)

_CONTEXT_FIELDS: dict[str, tuple[str, ...]] = {
    "warming_complete": (
        "platform",
        "videos_watched",
        "likes",
        "follows",
        "duration_min",
        "phase",
        "new_state",
        "warming_day",
    ),
    "login_failed": ("platform", "username", "email", "step"),
    "device_disconnected": ("device_name", "wda_port"),
    "captcha_failed": ("platform", "solver", "type", "task_id"),
}

_RECOVERED_BY = {
    "no_devices": ("scheduler_started",),
    "warming_failed": ("warming_complete",),
    "install_failed": ("app_installed",),
    "login_failed": ("login_success",),
    "creation_skipped": ("account_created",),
    "app_delete_failed": ("app_deleted",),
    "account_creation_failed": ("account_created",),
    "captcha_failed": ("login_success",),
}
