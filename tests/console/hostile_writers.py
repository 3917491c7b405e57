"""Some writers that use every way there is, over restarts of PostgreSQL: a process of its own.

Arguments: a database URL, a seed, and for how many seconds.
"""

import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

WRITERS = 4
VALUES = "(category, severity, event_type, message)"
ONE = f"INSERT INTO system_events {VALUES} VALUES ('a', 'info', 'b', 'one')"
MANY = f"INSERT INTO system_events {VALUES} SELECT 'a', 'info', 'b', n::text FROM " + (
    "generate_series(1, %s) AS n"
)
COPY = f"COPY system_events {VALUES} FROM STDIN"


class Writer:
    def __init__(self, url: str, seed: str, seconds: float) -> None:
        self.url = url
        self.name = f"hostile-{seed}"
        self.dice = random.Random(seed)
        self.end = time.monotonic() + seconds

    def run(self) -> None:
        while time.monotonic() < self.end:
            # A restart ends whatever was open; what was committed is in the table.
            with suppress(psycopg.OperationalError), psycopg.connect(self.url) as connection:
                while time.monotonic() < self.end:
                    self.transaction(connection)
                    self.rest(0, 0.01, 0.1)
            time.sleep(0.05)

    def transaction(self, connection: psycopg.Connection) -> None:
        ways: tuple[Callable[[psycopg.Connection], object], ...] = (
            lambda it: it.execute(ONE),
            lambda it: it.execute(MANY, [self.dice.randint(1, 12)]),
            self.copy,
            self.with_savepoint,
        )
        for _ in range(self.dice.randint(1, 3)):
            self.dice.choice(ways)(connection)
            self.rest(0, 0, 0.01, 0.2)
        how = self.dice.random()
        if how < 0.25:
            connection.rollback()
        elif how < 0.3:
            self.prepare(connection)
        else:
            connection.commit()

    def copy(self, connection: psycopg.Connection) -> None:
        with connection.cursor().copy(COPY) as copy:
            for _ in range(self.dice.randint(1, 12)):
                copy.write_row(("a", "error", "b", "copied"))

    def with_savepoint(self, connection: psycopg.Connection) -> None:
        connection.execute(ONE)
        with connection.transaction(force_rollback=self.dice.random() < 0.5):
            connection.execute(ONE)

    def prepare(self, connection: psycopg.Connection) -> None:
        name = f"{self.name}-{self.dice.random()}"
        connection.execute(f"PREPARE TRANSACTION '{name}'")
        connection.commit()
        self.rest(0.1, 0.5)
        connection.autocommit = True
        connection.execute(f"{self.dice.choice(('COMMIT', 'ROLLBACK'))} PREPARED '{name}'")
        connection.autocommit = False

    def rest(self, *seconds: float) -> None:
        time.sleep(self.dice.choice(seconds))


if __name__ == "__main__":
    url, seed, seconds = sys.argv[1:]
    writers = [Writer(url, f"{seed}-{n}", float(seconds)) for n in range(WRITERS)]
    threads = [threading.Thread(target=writer.run) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
