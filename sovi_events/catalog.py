"""The known events: categories, severities, resolvers and event types, as data.

The specification's tables are the source. Severity and resolver are closed sets; categories and
event types are open: an unknown one is stored and shown like any other.
"""

from typing import Literal, NamedTuple, get_args

Severity = Literal["info", "warning", "error", "critical"]
Resolver = Literal["human", "llm_agent", "auto"]

SEVERITIES: tuple[str, ...] = get_args(Severity)
"""From the mildest to the gravest."""

RESOLVERS: tuple[str, ...] = get_args(Resolver)

CATEGORIES = ("scheduler", "device", "account", "auth")


class EventType(NamedTuple):
    """One known event type.

    `context_fields` are the keys its context holds by convention; `recovered_by` names the event
    types of the same device or account that say the failure is over.
    """

    category: str
    name: str
    severity: str
    when: str
    context_fields: tuple[str, ...] = ()
    recovered_by: tuple[str, ...] = ()


_LOGIN = ("platform", "username", "email", "step")
_WARMING = (
    "platform",
    "videos_watched",
    "likes",
    "follows",
    "duration_min",
    "phase",
    "new_state",
    "warming_day",
)
_DEVICE = ("device_name", "wda_port")
_CAPTCHA = ("platform", "solver", "type", "task_id")

EVENT_TYPES = (
    EventType("scheduler", "scheduler_started", "info", "Scheduler begins with N devices"),
    EventType("scheduler", "scheduler_stopping", "info", "Stop requested"),
    EventType("scheduler", "scheduler_stopped", "info", "All threads stopped"),
    EventType(
        "scheduler",
        "no_devices",
        "warning",
        "Started but no active devices found",
        recovered_by=("scheduler_started",),
    ),
    EventType("scheduler", "warming_started", "info", "Warming session begins"),
    EventType("scheduler", "warming_complete", "info", "Warming session finished", _WARMING),
    EventType(
        "scheduler",
        "warming_failed",
        "error",
        "Warming session threw exception",
        recovered_by=("warming_complete",),
    ),
    EventType(
        "scheduler",
        "install_failed",
        "error",
        "App Store install timed out",
        recovered_by=("app_installed",),
    ),
    EventType(
        "scheduler",
        "login_failed",
        "error",
        "Account login failed",
        _LOGIN,
        recovered_by=("login_success",),
    ),
    EventType("scheduler", "creation_started", "info", "Account creation begins"),
    EventType(
        "scheduler",
        "creation_skipped",
        "warning",
        "Creation skipped (email provider not configured)",
        recovered_by=("account_created",),
    ),
    EventType("scheduler", "device_loop_error", "error", "Unhandled exception in device thread"),
    EventType(
        "device",
        "device_disconnected",
        "critical",
        "WDA not responding after timeout",
        _DEVICE,
    ),
    EventType("device", "app_deleted", "info", "App successfully deleted (IDFV reset)"),
    EventType(
        "device",
        "app_delete_failed",
        "error",
        "Failed to delete app",
        recovered_by=("app_deleted",),
    ),
    EventType("device", "app_installed", "info", "App installed from App Store"),
    EventType(
        "device",
        "install_failed",
        "error",
        "Install timed out or failed",
        recovered_by=("app_installed",),
    ),
    EventType("account", "login_success", "info", "Platform login completed"),
    EventType(
        "account",
        "login_failed",
        "error",
        "Login threw exception",
        _LOGIN,
        recovered_by=("login_success",),
    ),
    EventType("account", "account_creation_started", "info", "Signup flow begins"),
    EventType(
        "account", "account_created", "info", "Account successfully created and stored in DB"
    ),
    EventType(
        "account",
        "account_creation_failed",
        "error",
        "Signup flow failed",
        recovered_by=("account_created",),
    ),
    EventType(
        "auth",
        "captcha_failed",
        "warning",
        "CAPTCHA solve timed out or task creation failed",
        _CAPTCHA,
        recovered_by=("login_success",),
    ),
)
