"""`python -m sovi_events.tail` as its user runs it: in a pipe, on a terminal, over restarts."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from patience import PATIENCE_SECONDS
from streaming import ROOT, insert, make_token, run_server, writer

from sovi import events

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

COMMAND = [sys.executable, "-m", "sovi_events.tail"]


@pytest.fixture
def ids() -> list[int]:
    with writer(autocommit=True) as connection:
        return [
            insert(connection, f"number {n}", severity="error" if n % 2 else "info")
            for n in range(6)
        ]


def tail(url: str | None, token: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=environment(url, token),
        capture_output=True,
        text=True,
        timeout=60,
    )


def environment(url: str | None, token: str | None) -> dict[str, str]:
    given = {"SOVI_URL": url, "SOVI_TOKEN": token}
    kept = {name: value for name, value in os.environ.items() if name not in given}
    return kept | {name: value for name, value in given.items() if value is not None}


class Following:
    """A tail that follows; what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.out = self.err = ""

    def until(self, condition: Callable[["Following"], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(self):
            assert time.monotonic() < deadline, (self.out, self.err)
            for pipe in select.select([self.process.stdout, self.process.stderr], [], [], 1)[0]:
                text = os.read(pipe.fileno(), 65536).decode()
                if pipe is self.process.stdout:
                    self.out += text
                else:
                    self.err += text


@contextmanager
def following(url: str, token: str, *arguments: str) -> Iterator[Following]:
    with subprocess.Popen(
        [*COMMAND, "--follow", *arguments],
        cwd=ROOT,
        env=environment(url, token),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield Following(process)
        finally:
            process.kill()


def test_without_an_address_or_a_token_it_says_which_variable_to_set() -> None:
    for url, token, variable in (
        (None, "x", "SOVI_URL"),
        ("127.0.0.1:8000", "x", "SOVI_URL"),
        ("http://127.0.0.1:1", None, "SOVI_TOKEN"),
    ):
        failed = tail(url, token)
        assert (failed.returncode, failed.stdout) == (1, "")
        assert variable in failed.stderr
        assert len(failed.stderr.splitlines()) == 1


def test_it_prints_the_newest_in_order_and_ends(server, ids: list[int]) -> None:
    done = tail(server.url, make_token(), "-n", "3")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.rpartition("#")[2] for line in lines] == [str(it) for it in ids[3:]]
    assert "  error     scheduler/made  number 3  #" in lines[0]


def test_json_is_the_object_that_rest_answers(server, ids: list[int]) -> None:
    done = tail(server.url, make_token(), "--json", "--severity", "error,critical")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["id"] for event in told] == ids[1::2]
    assert list(told[0])[:4] == ["id", "timestamp", "category", "severity"]


def test_what_the_server_refuses_is_an_error_with_its_reason(server) -> None:
    for arguments in ([], ["--follow"]):
        failed = tail(server.url, "nonsense", *arguments)
        assert failed.returncode == 1
        assert "401" in failed.stderr
        assert "Traceback" not in failed.stderr
    token = make_token()
    mistyped = tail(server.url, token, "--severity", "errors", "--follow")
    assert mistyped.returncode == 1
    assert "“errors” is not one of" in mistyped.stderr
    assert tail(server.url, token, "-n", "501").returncode == 2
    get_user_model().objects.update(is_superuser=False)
    failed = tail(server.url, token)
    assert failed.returncode == 1
    assert "403" in failed.stderr and "permission" in failed.stderr


def test_it_follows_events_and_resolutions_until_interrupted(server, ids: list[int]) -> None:
    with following(server.url, make_token(), "-n", "1", "--severity", "error") as one:
        one.until(lambda it: f"#{ids[-1]}\n" in it.out)
        with writer(autocommit=True) as connection:
            insert(connection, "not this one")
            insert(connection, "evil \x1b[2Jé\nline", severity="error")
        one.until(lambda it: "  evil é\\nline  " in it.out)
        assert events.resolve(ids[1], "human", actor="ada", reason="repaired")
        one.until(lambda it: f"#{ids[1]} by ada (human): repaired\n" in it.out)
        assert "not this one" not in one.out
        assert "\x1b" not in one.out
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(10) == 0
        assert one.err == ""


def test_on_a_terminal_it_is_coloured(server, ids: list[int]) -> None:
    terminal, end = pty.openpty()
    done = subprocess.run(
        [*COMMAND, "-n", "2"],
        cwd=ROOT,
        env=environment(server.url, make_token()),
        stdout=end,
        timeout=60,
    )
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert done.returncode == 0
    assert "\x1b[31merror   \x1b[0m" in shown


def test_a_pipe_that_closes_ends_it_quietly(server, ids: list[int]) -> None:
    with subprocess.Popen(
        [*COMMAND, "-n", "500"],
        cwd=ROOT,
        env=environment(server.url, make_token()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


def test_it_goes_on_when_the_server_comes_back(tmp_path: Path) -> None:
    token = make_token()
    with ExitStack() as stack:
        connection = stack.enter_context(writer(autocommit=True))
        wanted = [insert(connection)]
        with run_server(tmp_path / "log") as (url, process):
            one = stack.enter_context(following(url, token, "--json"))
            one.until(lambda it: f'"id": {wanted[0]}' in it.out)
            process.terminate()
            process.wait(10)
        wanted += [insert(connection) for _ in range(3)]
        one.until(lambda it: "connecting again" in it.err)
        stack.enter_context(run_server(tmp_path / "log", port=urlsplit(url).port))
        wanted.append(insert(connection))
        one.until(lambda it: it.out.count("\n") >= len(wanted))
        assert [json.loads(line)["id"] for line in one.out.splitlines()] == wanted


def test_without_httpx_it_says_what_to_install(tmp_path: Path) -> None:
    site = tmp_path / "sitecustomize.py"
    site.write_text("import sys; sys.modules['httpx'] = None")
    failed = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env=environment("http://127.0.0.1:1", "x") | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert failed.returncode == 1
    assert "pip install 'sovi-events[tail]'" in failed.stderr
