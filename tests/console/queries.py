"""The statements that read or write rows, without those that bound a transaction or its time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

AROUND = (
    *("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"),
    *("SELECT set_config", "SELECT current_setting"),
)


@contextmanager
def captured_queries() -> Iterator[list[str]]:
    """Yield a list that holds the block's statements once it is over."""
    found: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield found
    sent = [re.sub(r"^SELECT set_config[^;]+; ", "", entry["sql"]) for entry in captured]
    found += [sql for sql in sent if not sql.startswith(AROUND)]
