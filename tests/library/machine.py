"""A machine that producers run on: their database, their spool folder, and they themselves."""

import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from killable import ROOT, Killable
from patience import eventually

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
ANSWER_SECONDS = 60
EXIT_SECONDS = 60


@dataclass
class Machine:
    """Producers started here share the spool; `url` is the database as they see it."""

    folder: Path
    server: Killable
    dbname: str
    url: str
    variables: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def spool_folder(self) -> Path:
        return Path(self.variables.get("SOVI_SPOOL_DIR", self.folder / "spool"))

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SOVI_")}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)]),
            "DATABASE_URL": self.url,
            "SOVI_SPOOL_DIR": str(self.spool_folder),
            "PYTHONFAULTHANDLER": "1",
            **self.variables,
        }

    def start(self, *arguments: object, errors: str = "stderr") -> subprocess.Popen[bytes]:
        """Start Python with pipes as stdin and stdout; stderr is added to a file."""
        with (self.folder / errors).open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                cwd=self.folder,
                env=self.environment(),
            )
        self.processes.append(process)
        return process

    def run(self, script: str, seconds: float = EXIT_SECONDS) -> str:
        """Run a script to its end; return its stdout. Fails unless it exits with 0 in time."""
        path = self.folder / f"script_{len(self.processes)}.py"
        path.write_text(script)
        return self.finish(self.start(path), seconds)

    def program(self, name: str, *arguments: object, seconds: float = EXIT_SECONDS) -> str:
        """Run one of `programs` like a script."""
        return self.finish(self.start(PROGRAMS / name, *arguments), seconds)

    def spool(self, *arguments: str, status: int = 0, seconds: float = EXIT_SECONDS) -> str:
        """Run `python -m sovi_events.spool`, which must exit with `status`; return its stdout."""
        process = self.start("-m", "sovi_events.spool", *arguments)
        return self.finish(process, seconds, status)

    def spool_status(self) -> dict[str, Any]:
        """What `python -m sovi_events.spool status` says of the one database with events there."""
        found: dict[str, Any] = json.loads(self.spool("status", "--json", status=1))
        return found

    def finish(
        self, process: subprocess.Popen[bytes], seconds: float = EXIT_SECONDS, status: int = 0
    ) -> str:
        try:
            said, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{process.args} did not end in {seconds} s:\n{self.end(process)}")
        if process.returncode != status:
            pytest.fail(f"{process.args} ended with {process.returncode}:\n{self.errors()}")
        return said.decode()

    def producer(self) -> "Producer":
        return Producer(self, self.start(HERE / "producer_console.py"))

    def end(self, process: subprocess.Popen[bytes]) -> str:
        """End a process that hangs; return what was said on stderr, and where it hung."""
        process.send_signal(signal.SIGABRT)
        process.wait(EXIT_SECONDS)
        return self.errors()[-5000:]

    def errors(self) -> str:
        """What the processes have written to stderr."""
        path = self.folder / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def rows(self, columns: str = "message") -> list[Any]:
        """The events in the table, by id; tuples where several columns are asked for."""
        with self.server.session(self.dbname) as session:
            found = session.execute(
                f"SELECT {columns} FROM system_events WHERE event_type <> 'events_lost' ORDER BY id"
            ).fetchall()
        return found if "," in columns else [value for (value,) in found]

    def execute(self, statement: str) -> list[Any]:
        with self.server.session(self.dbname) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def delay_inserts(self, seconds: float, when: str) -> None:
        """Let each row for which the condition holds take so long to insert."""
        self.execute(f"""
            CREATE FUNCTION delay() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep({seconds}); RETURN NEW; END $$;
            CREATE TRIGGER delay BEFORE INSERT ON system_events FOR EACH ROW
            WHEN ({when}) EXECUTE FUNCTION delay()
        """)

    def await_exactly(self, messages: list[str], seconds: float = EXIT_SECONDS) -> None:
        """Wait until every message is in the table; fail if one is missing or there twice."""
        wanted = Counter(messages)
        eventually(
            lambda: len(self.rows()) >= len(messages), lambda: self._missing(wanted), seconds
        )
        assert Counter(self.rows()) == wanted

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe
                pipe.close()

    def _missing(self, wanted: Counter[str]) -> str:
        missing = wanted - Counter(self.rows())
        return (
            f"{missing.total()} missing, as {list(missing)[:5]}; stderr:\n{self.errors()[-3000:]}"
        )


@dataclass
class Producer:
    """A process that emits on demand; what it can call stands in `producer_console`."""

    machine: Machine
    process: subprocess.Popen[bytes]

    def run(self, source: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Run source in the process; return the value of its last expression."""
        self.ask(source)
        return self.answer(seconds)

    def ask(self, source: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(source).encode() + b"\n")

    def answer(self, seconds: float = ANSWER_SECONDS) -> Any:
        assert self.process.stdout
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            errors = self.machine.end(self.process)
            pytest.fail(f"The producer gave no answer in {seconds} s:\n{errors}")
        said = json.loads(line)
        if "error" in said:
            pytest.fail(f"The producer raised {said['error']}")
        return said["value"]

    def emit(self, message: str, severity: str = "info") -> int | None:
        event_id: int | None = self.run(f"emit({message!r}, {severity!r})")
        return event_id

    def timed(self, message: str, severity: str = "info") -> tuple[int | None, float]:
        """Emit; return the id and the seconds that it took."""
        event_id, seconds = self.run(f"timed({message!r}, {severity!r})")
        return event_id, seconds

    def flush(self, seconds: float = EXIT_SECONDS) -> None:
        """Wait until nothing is left to send."""
        done = self.run(f"events.flush(timeout={seconds})", seconds + 10)
        assert done, f"Not all is sent in {seconds} s; stderr:\n{self.machine.errors()[-3000:]}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def finish(self) -> None:
        """Let it exit as programs do."""
        self.machine.finish(self.process)
