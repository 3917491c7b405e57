"""What `pip install .` gives a producer: the library and psycopg, nothing of the operators'."""

import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from wheels import ROOT, build, install, lend, packages_of, pip, pythons, run

from sovi import events

PROGRAM = """
import importlib.util
import sys
from pathlib import Path

import sovi_events as events

assert Path(events.__file__).is_relative_to(sys.prefix), events.__file__
for name in ("django", "events", "sovi_site", "demo", "bench", "tests"):
    assert importlib.util.find_spec(name) is None, name
print(events.emit("scheduler", "info", "scheduler_started", "From a producer's environment"))
"""


@pytest.fixture(scope="module")
def import_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of the name `from sovi import events`."""
    return build(ROOT / "sovi", tmp_path_factory.mktemp("import"))


every_python = pytest.mark.parametrize(
    "producer", pythons(), ids=lambda command: Path(command).name, indirect=True
)


def test_the_wheel_holds_the_library_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "sovi_events").rglob("*") if path.suffix in (".py", ".typed"))
    assert names == {path.relative_to(ROOT).as_posix() for path in files}
    assert {"sovi_events/client.py", "sovi_events/py.typed"} <= names


@pytest.mark.django_db(transaction=True)
@every_python
def test_a_producers_environment_emits_without_django(producer: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    event_id = int(run(producer, "-I", "-W", "error", program))
    [row] = events.get_events()
    assert (row["id"], row["message"]) == (event_id, "From a producer's environment")
    installed = {path.stem for path in producer.parents[1].glob("lib/*/site-packages/*.dist-info")}
    assert {name.partition("-")[0] for name in installed} <= {
        *("psycopg", "psycopg_binary", "sovi_events", "typing_extensions"),
    }


def stand_in(folder: Path) -> Path:
    """A project that owns the name `sovi`, with events of its own, as SOVI's repository does."""
    project = folder / "stand_in"
    (project / "sovi").mkdir(parents=True)
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "sovi"\nversion = "1"\n[tool.setuptools]\npackages = ["sovi"]\n'
    )
    (project / "sovi" / "__init__.py").write_text("")
    (project / "sovi" / "events.py").write_text("OWNER = 'SOVI'\n")
    return project


USES_BOTH = """
import sovi_events
from sovi import events

assert events.OWNER == "SOVI"
assert sovi_events.emit.__module__ == "sovi_events.client"
"""


@every_python
@pytest.mark.parametrize("editable", [False, True], ids=["wheel", "editable"])
def test_the_library_leaves_a_package_sovi_of_its_users_alone(
    producer: Path, wheel: Path, tmp_path: Path, editable: bool
) -> None:
    project = stand_in(tmp_path)
    pip(producer, "uninstall", "--yes", "--quiet", "sovi-events")
    if editable:
        lend(distribution("setuptools"), producer)
        install(producer, "--editable", project)
    else:
        install(producer, build(project, tmp_path / "built"))
    owned = project / "sovi" if editable else packages_of(producer) / "sovi"
    before = {path.name: path.read_bytes() for path in owned.glob("*.py")}
    assert before.keys() == {"__init__.py", "events.py"}
    install(producer, wheel)
    run(producer, "-I", "-c", USES_BOTH)
    pip(producer, "uninstall", "--yes", "--quiet", "sovi-events")
    assert {path.name: path.read_bytes() for path in owned.glob("*.py")} == before
    run(producer, "-I", "-c", "from sovi import events; assert events.OWNER == 'SOVI'")


def test_the_specifications_import_is_a_distribution_of_its_own(
    producer: Path, import_wheel: Path
) -> None:
    with zipfile.ZipFile(import_wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {"sovi/events/__init__.py", "sovi/events/py.typed"}
    install(producer, import_wheel)
    assert pip(producer, "check") == "No broken requirements found.\n"
    run(
        producer, "-I", "-c", "from sovi import events; events.emit.__module__.index('sovi_events')"
    )


@pytest.mark.parametrize("imported", ["import sovi_events as events", "from sovi import events"])
def test_a_consumer_is_checked_by_mypy_strictly(
    producer: Path, import_wheel: Path, tmp_path: Path, imported: str
) -> None:
    install(producer, import_wheel)
    program = tmp_path / "consumer.py"
    program.write_text(
        f"{imported}\n\n"
        'event_id: int | None = events.emit("auth", "info", "captcha_failed", "Text")\n'
        "rows = events.get_events(limit=5)\n"
        'reveal_type(rows[0]["id"])\n'
        'events.emit("auth", "info", "captcha_failed")\n'
    )
    mypy = (
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--python-executable={producer}",
    )
    done = subprocess.run(
        [*mypy, "--cache-dir", tmp_path / "cache", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.splitlines() == [
        'consumer.py:5: note: Revealed type is "Any"',
        'consumer.py:6: error: Missing positional argument "message" in call to "emit"  [call-arg]',
        "Found 1 error in 1 file (checked 1 source file)",
    ]


def test_an_installed_library_starts_no_database_unless_asked(
    producer: Path, tmp_path: Path
) -> None:
    program = """
import os
import sovi_events
os.environ.pop("DATABASE_URL", None)
try:
    sovi_events.emit("auth", "info", "captcha_failed", "Nowhere to go")
except RuntimeError as error:
    print(error)
"""
    folder = tmp_path / "program"
    folder.mkdir()
    said = run(producer, "-I", "-c", f"import os; os.chdir({str(folder)!r}){program}")
    assert said.startswith("DATABASE_URL is not set: set it, or call `configure(database_url=...)`")
    assert not list(folder.iterdir())
