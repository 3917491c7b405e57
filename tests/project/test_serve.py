"""`make run`, as its user meets it: `manage.py serve` on an empty database."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 60


class Serving:
    """A running `manage.py serve`, with what it printed."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def banner(self) -> str:
        """Return what was printed up to the line that says how to stop it."""
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        return self.log.read_text()

    def stop(self, how: signal.Signals) -> int:
        """Signal it, and return its exit status."""
        self.process.send_signal(how)
        return self.process.wait(timeout=15)

    def output_at_the_end(self, code: int) -> str:
        assert self.process.wait(timeout=START_SECONDS) == code, self.log.read_text()
        return self.log.read_text()


Start = Callable[..., Serving]


@pytest.fixture
def serve(scratch_database: str, port: int, tmp_path: Path) -> Iterator[Start]:
    """Start `manage.py serve` on an empty database of its own, with more environment if need be."""
    running: list[Serving] = []
    cleared = ("DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD", "HOST")
    base = {name: value for name, value in os.environ.items() if name not in cleared}

    def start(**more: str) -> Serving:
        environment = base | {"DATABASE_URL": scratch_database, "PORT": str(port)} | more
        running.append(Serving(environment, tmp_path / f"{len(running)}.log"))
        return running[-1]

    yield start
    for serving in running:
        if serving.process.poll() is None:
            serving.stop(signal.SIGKILL)


def log_in(url: str, username: str, password: str) -> bool:
    with httpx.Client(base_url=url) as browser:
        browser.get("/admin/login/")
        form = {
            "username": username,
            "password": password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
            "next": "/admin/",
        }
        return browser.post("/admin/login/", data=form).status_code == 302


def test_the_first_run_prints_a_password_once_and_the_second_keeps_what_it_made(
    serve: Start, port: int
) -> None:
    url = f"http://127.0.0.1:{port}"
    first = serve()
    match = re.search(r"Log in +admin / (\S+)   \(shown this once\)", first.banner())
    assert match is not None
    password = match[1]
    assert log_in(url, "admin", password)
    assert first.stop(signal.SIGTERM) == 0

    second = serve()
    banner = second.banner()
    assert password not in banner
    assert "admin, with the password it was given" in banner
    assert log_in(url, "admin", password)
    second.stop(signal.SIGINT)
    assert "Traceback" not in second.output_at_the_end(0)


def test_the_first_user_is_the_one_the_environment_asks_for(serve: Start, port: int) -> None:
    asked = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "lovelace-1843"}
    serving = serve(**asked)
    assert "lovelace-1843" not in serving.banner()
    assert log_in(f"http://127.0.0.1:{port}", "ada", "lovelace-1843")


def test_a_first_password_that_is_easily_guessed_is_taken_with_a_warning(
    serve: Start, port: int
) -> None:
    asked = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "secret"}
    serving = serve(**asked)
    serving.banner()
    assert log_in(f"http://127.0.0.1:{port}", "ada", "secret")
    output = serving.output_at_the_end(serving.stop(signal.SIGTERM))
    assert "DJANGO_SUPERUSER_PASSWORD is easily guessed" in output
    assert "too short" in output


def test_the_lines_it_prints_work_when_pasted(
    serve: Start, scratch_database: str, port: int
) -> None:
    banner = serve().banner()
    lines = [line.strip() for line in banner.splitlines() if line.startswith("  ")]
    pasted = [line for line in lines if line.startswith(("TOKEN=", "ID=", "curl"))]
    assert len(pasted) == 5
    # The stream goes on until it is stopped: curl gives up after three seconds, with status 28.
    pasted[-1] = f"timeout 20 {pasted[-1].replace('curl', 'curl --max-time 3')}"
    python = Path(sys.executable)
    script = "\n".join(["set -e", *pasted]).replace(".venv/bin/python", str(python))
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": scratch_database},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 28, done.stderr
    assert '"message":"Hello from the terminal"' in done.stdout
    assert '"resolved":true,"resolved_by":"human"' in done.stdout
    assert "retry: " in done.stdout


def test_a_first_user_who_is_no_superuser_is_refused(serve: Start, scratch_database: str) -> None:
    serving = serve(DJANGO_SUPERUSER_USERNAME="ada", DJANGO_SUPERUSER_PASSWORD="lovelace-1843")
    serving.banner()
    serving.stop(signal.SIGTERM)
    with psycopg.connect(scratch_database, autocommit=True) as session:
        session.execute("UPDATE auth_user SET is_superuser = false")
    printed = serve(DJANGO_SUPERUSER_USERNAME="ada").output_at_the_end(1)
    assert "DJANGO_SUPERUSER_USERNAME names 'ada', who is no active superuser" in printed


def test_where_it_listens_everywhere_the_address_shown_can_be_opened(
    serve: Start, port: int
) -> None:
    assert f"Admin    http://127.0.0.1:{port}/admin/" in serve(HOST="0.0.0.0").banner()


def test_a_port_that_is_taken_is_named(serve: Start) -> None:
    serve().banner()
    second = serve()
    assert "set PORT or HOST to another" in second.output_at_the_end(1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("DJANGO_DEBUG", "perhaps"),
        ("SOVI_TOKEN_DAYS", "-1"),
        ("SOVI_STREAM_CLIENTS_PER_USER", "many"),
        ("SOVI_TIME_ZONE", "Mars/Olympus"),
        ("DATABASE_URL", "mysql://localhost/sovi"),
        ("DATABASE_URL", "postgresql://127.0.0.1:1/sovi"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(serve: Start, name: str, value: str) -> None:
    printed = serve(**{name: value}).output_at_the_end(1)
    assert name in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("arguments", [("check",), ("--help",), ("serve", "--help")])
def test_commands_that_need_no_database_start_none(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment | {"SOVI_DATA_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        timeout=START_SECONDS,
    )
    assert {path.name for path in tmp_path.iterdir()} <= {"secret_key"}
