"""The steps of docs/adopting.md on a stand-in of SOVI's repository: its files, its roles."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql
from wheels import ROOT, packages_of

STAND_IN = Path(__file__).parent / "stand_in"
DOCUMENT = (ROOT / "docs" / "adopting.md").read_text()
SPECIFICATION = (ROOT / "docs" / "event-system.md").read_text()
PASSWORD, NEW = "adopted-1234", "night-shift-1234"
ROLES = ("owner", "producer", "web")
START_SECONDS = 60
PAGES = (
    "/admin/",
    "/admin/events/problems/",
    "/admin/events/live/",
    "/admin/events/timeline/?device=iPhone-A",
    "/admin/events/systemevent/?q=device:iPhone-A",
    "/admin/events/systemevent/2/change/",
    "/admin/events/device/?q=iPhone",
    "/admin/events/account/?q=grind",
    "/admin/events/bulkjob/1/change/",
    "/admin/auth/user/1/change/",
)
DEVICE_ID, ACCOUNT_ID = (
    uuid.UUID("0b6f7a52-93ad-4b3b-8c0e-4b1f2f9f2d11"),
    uuid.UUID("5d9a2c1e-7f40-4c0b-9a53-3f6f0a7c8e22"),
)


def blocks(language: str) -> list[str]:
    """The document's blocks of a language, in its order, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", DOCUMENT, re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.M) for indent, block in found]


@dataclass
class Adoption:
    """SOVI's database with its roles, its repository, and the environment of its programs."""

    url: str
    names: dict[str, str]
    project: Path
    python: Path

    @property
    def spool(self) -> Path:
        return self.project / "spool"

    def url_of(self, role: str) -> str:
        parts = urlsplit(self.url)
        query = dict(parse_qsl(parts.query)) | {"user": self.names[role]}
        return f"postgresql://{parts.path}?{urlencode(query)}"

    def execute(self, statements: str, role: str) -> None:
        """Run SQL in which roles have the document's names."""
        for role_name, name in self.names.items():
            statements = re.sub(rf"\b(TO|FROM) {role_name};", rf"\1 {name};", statements)
        with psycopg.connect(self.url_of(role), autocommit=True) as session:
            session.execute(statements)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as session:
            return session.execute(query).fetchall()

    def program(self, *arguments: str) -> Any:
        """Run a program of SOVI's, whose environment names no database; return what it prints."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SOVI_", "DATABASE_URL", "PYTHON"))
        }
        done = subprocess.run(
            [self.python, "-m", *arguments],
            cwd=self.project,
            env=kept,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def shell(self, block: str) -> str:
        """Run a block of the document as its reader does; return what it prints."""
        environment = {
            "OWNER_URL": self.url_of("owner"),
            "WEB_URL": self.url_of("web"),
            "SPOOL_DIR": str(self.spool),
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }
        for role in ("producer", "web"):
            block = block.replace(f"--{role} {role}", f"--{role} {self.names[role]}")
        # Without a terminal nobody can be asked.
        block = block.replace("createsuperuser", "createsuperuser --noinput")
        done = subprocess.run(
            ["bash", "-ec", block.replace(".venv/bin/python", sys.executable)],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def adoption(scratch_database: str, producer: Path, tmp_path: Path) -> Iterator[Adoption]:
    """SOVI before its first step: tables that one role owns and another uses, and its files."""
    names = {role: f"{role}_{uuid.uuid4().hex[:12]}" for role in ROLES}
    project = tmp_path / "repository"
    shutil.copytree(STAND_IN, project)
    adoption = Adoption(scratch_database, names, project, producer)
    settings = {"database_url": adoption.url_of("producer"), "spool_dir": str(adoption.spool)}
    lines = (f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (project / "settings.toml").write_text("".join(lines))
    with psycopg.connect(scratch_database, autocommit=True) as admin:
        for name in names.values():
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        try:
            owner = sql.Identifier(names["owner"])
            database = sql.Identifier(admin.info.dbname)
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner))
            adoption.execute((STAND_IN / "schema.sql").read_text(), "owner")
            [table] = re.findall(r"^```sql\n(.*?)^```", SPECIFICATION, re.M | re.S)
            adoption.execute(table, "owner")
            adoption.execute((STAND_IN / "old_grants.sql").read_text(), "owner")
            yield adoption
        finally:
            for name in map(sql.Identifier, names.values()):
                admin.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
                admin.execute(sql.SQL("DROP OWNED BY {}").format(name))
                admin.execute(sql.SQL("DROP ROLE {}").format(name))


@contextmanager
def serving(adoption: Adoption, port: int, log: Path) -> Iterator[str]:
    """The web process, as its role; yields its address."""
    command = ("-m", "uvicorn", "sovi_site.asgi:application", "--port", str(port))
    assert " ".join(command[:-1]) in DOCUMENT
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "--timeout-graceful-shutdown", "5"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": adoption.url_of("web")},
            stdout=output,
            stderr=output,
        )
    url, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                assert httpx.get(f"{url}/readyz").is_success, log.read_text()
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()


def adopt(adoption: Adoption) -> str:
    """Do what the document says, in its order; return the token that it makes."""
    [events] = blocks("python")
    (adoption.project / "sovi" / "events.py").write_text(events)
    migrate, grants, first_user, _, _ = blocks("sh")
    adoption.shell(migrate)
    # So that the command's grants alone decide.
    adoption.execute("REVOKE ALL ON system_events, devices, accounts FROM producer;", "owner")
    adoption.execute("REVOKE ALL ON SEQUENCE system_events_id_seq FROM producer;", "owner")
    adoption.shell(grants)
    return adoption.shell(first_user).split()[-1]


def test_sovis_programs_go_on_as_they_are(adoption: Adoption) -> None:
    before = adoption.program("sovi.scheduler")
    assert before == [1, 2, 3, 4]
    adopt(adoption)
    assert not (packages_of(adoption.python) / "sovi").exists()

    usual, odd = adoption.program("sovi.scheduler"), adoption.program("sovi.scheduler", "odd")
    assert usual == [5, 6, 7, 8]
    assert odd == [9, 10, 11, 12]
    columns = "category, severity, event_type, message, device_id, account_id, context"
    stored = adoption.rows(f"SELECT {columns} FROM system_events ORDER BY id")
    assert stored[4:8] == stored[:4]
    assert stored[5][4:6] == (DEVICE_ID, ACCOUNT_ID)
    test, thread, captcha, nothing = stored[8:]
    assert test[4:] == (None, None, {"unknown_device_id": "test-device"})
    assert (thread[1], thread[3]) == ("warning", "thread died")
    assert thread[6]["invalid_arguments"]["severity"] == "fatal"
    assert captcha[3] == "(no message)"
    assert captcha[6]["invalid_arguments"] == {"message": "", "context": "capsolver"}
    assert nothing[:4] == ("unknown", "warning", "unknown", "(no message)")

    answers = adoption.program("sovi.dashboard")
    messages = [row[3] for row in stored] + ["From the dashboard"]
    assert answers == {
        "list": messages[::-1],
        "walked": messages,
        "blank filters": 13,
        "positional": ["No login", "No login"],
        "unknown severity": [],
        "unknown device": [],
        "no rows": [],
        "resolved": True,
        "again": True,
        "reopened": True,
        "nobody's": False,
        "unknown": False,
    }
    acted = adoption.rows("SELECT action, actor_kind, actor FROM event_actions ORDER BY id")
    assert acted[0] == ("resolve", "human", "ada")
    assert [action[:2] for action in acted[1:]] == [("reopen", "human")]
    _, _, _, look, _ = blocks("sh")
    assert "Nothing waits in" in adoption.shell(look)


def test_the_web_process_has_the_rights_that_it_needs(
    adoption: Adoption, port: int, tmp_path: Path
) -> None:
    adoption.program("sovi.scheduler")
    token = adopt(adoption)
    log = tmp_path / "server.log"
    with (
        serving(adoption, port, log) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}) as rest,
        httpx.Client(base_url=url, follow_redirects=True) as browser,
    ):
        assert [row["id"] for row in rest.get("/api/events").json()["results"]] == [4, 3, 2, 1]
        for address in (
            "/unresolved",
            "/2",
            "/stats",
            "/export?format=ndjson",
            "?q=device:iPhone-A",
        ):
            assert rest.get(f"/api/events{address}").status_code == 200, address
        event = {"category": "auth", "severity": "info", "event_type": "x", "message": "Sent"}
        for _ in range(2):
            sent = rest.post("/api/events", json=event, headers={"Idempotency-Key": "one"})
            assert sent.json() == {"ids": [5]}
        assert rest.post("/api/events/2/resolve").json()["resolved_by"] == "human"
        assert rest.post("/api/events/2/reopen").json()["resolved"] is False
        preview = rest.post("/api/events/resolve", json={"filters": {"severity": ["error"]}})
        job = rest.post("/api/events/resolve", json={"token": preview.json()["token"]})
        assert job.status_code == 202, job.text
        await_resolved(adoption, [2, 3], log)
        with rest.stream("GET", "/api/logs/stream?backlog=1") as stream:
            lines = stream.iter_lines()
            assert next(line for line in lines if line.startswith("data:"))
            rest.post("/api/events/2/reopen")
            assert "event: reopened" in lines
            rest.post("/api/events", json=event | {"message": "Live"})
            assert next(line for line in lines if line.startswith("data:") and "Live" in line)

        login = browser.get("/admin/")
        submit(browser, str(login.url), username="ada", password=PASSWORD)
        for page in PAGES:
            assert browser.get(page).status_code == 200, page
        views = "/admin/events/systemevent/views"
        submit(browser, f"{views}/save/", name="Errors", query="severity=error")
        submit(browser, f"{views}/open-with/", view="1", query="severity=error")
        submit(browser, f"{views}/delete/", view="1", query="")
        submit(browser, "/admin/auth/group/add/", name="Night shift")
        submit(browser, "/admin/auth/user/add/", username="bob", password1=NEW, password2=NEW)
        submit(browser, "/admin/auth/user/2/delete/", post="yes")
    assert adoption.rows("SELECT count(*) FROM django_admin_log") == [(3,)]
    assert "permission denied" not in log.read_text()


def await_resolved(adoption: Adoption, wanted: list[int], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while adoption.rows("SELECT id FROM system_events WHERE resolved ORDER BY id") != [
        (event_id,) for event_id in wanted
    ]:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def submit(browser: httpx.Client, address: str, **form: str) -> None:
    hidden = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    answer = browser.post(address, data=form | hidden)
    assert answer.status_code == 200, answer.text
    assert "errornote" not in answer.text, answer.text


def test_the_way_back_leaves_sovi_with_its_table_and_its_events(adoption: Adoption) -> None:
    old = (adoption.project / "sovi" / "events.py").read_text()
    adoption.program("sovi.scheduler")
    adopt(adoption)
    adoption.program("sovi.scheduler", "odd")
    (adoption.project / "sovi" / "events.py").write_text(old)
    *_, way_back = blocks("sh")
    adoption.shell(way_back)
    assert adoption.program("sovi.scheduler") == [9, 10, 11, 12]
    assert adoption.rows("SELECT count(*) FROM system_events") == [(12,)]
    assert adoption.rows("SELECT to_regclass('event_actions')") == [(None,)]
