#!/usr/bin/env python
"""Django's command line for SOVI Events."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sovi_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    from sovi_events.database import DatabaseConfigurationError

    try:
        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, DatabaseConfigurationError) as error:
        sys.exit(f"error: {error}")
    except OperationalError as error:
        from sovi_site.postgresql.base import Unreachable

        if not isinstance(error.__cause__, Unreachable):
            raise
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
