"""What the producers' library raises."""


class EventsError(Exception):
    """Base of every error of the library."""


class InvalidEvent(EventsError, ValueError):
    """An argument is not what the call takes; the message names it and says what is allowed."""


class ConfigurationError(EventsError, ValueError):
    """A setting, of the environment or of `configure`, is not what it may be; it is named."""


class DatabaseUnavailable(EventsError):
    """PostgreSQL could not be reached, or refused; nothing was read or resolved by the call."""


class NotMigrated(EventsError):
    """The database lacks a table the call needs: run `manage.py migrate` on it."""


class DatabaseConfigurationError(RuntimeError):
    """SOVI's database cannot be used as configured; the message says what to change."""
