"""Errors about where the database is."""


class DatabaseConfigurationError(RuntimeError):
    """SOVI's database cannot be used as configured; the message says what to change."""
