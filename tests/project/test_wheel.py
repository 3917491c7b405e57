"""What `pip install .` gives a producer: the library and psycopg, nothing of the operators'."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from sovi import events

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import importlib.util
import sys
from pathlib import Path

from sovi import events

assert Path(events.__file__).is_relative_to(sys.prefix), events.__file__
for name in ("django", "events", "sovi_site", "demo", "bench", "tests"):
    assert importlib.util.find_spec(name) is None, name
print(events.emit("scheduler", "info", "scheduler_started", "From a producer's environment"))
"""


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip builds it, from a copy: setuptools writes beside what it builds."""
    source = tmp_path_factory.mktemp("source") / "project"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    target = tmp_path_factory.mktemp("wheel")
    # Without isolation setuptools is this environment's, and no registry is asked.
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", target)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, source)
    [built] = target.glob("*.whl")
    return built


def needed(requirements: list[str] | None, extra: str = "") -> dict[str, Distribution]:
    """Return the installed distributions that these requirements ask for, and theirs."""
    found: dict[str, Distribution] = {}
    for requirement in map(Requirement, requirements or []):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            one = distribution(requirement.name)
            assert requirement.specifier.contains(one.version)
            found[requirement.name] = one
            for of in ("", *requirement.extras):
                found |= needed(one.requires, of)
    return found


@pytest.fixture(scope="module")
def producer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment where the wheel alone was installed, with what it asks for."""
    home = tmp_path_factory.mktemp("producer")
    run(sys.executable, "-m", "venv", "--without-pip", home)
    python = home / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel)
    # What pip would fetch stands in this environment already.
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    asked = [
        line.removeprefix("Requires-Dist: ")
        for line in text.splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    for one in needed(asked).values():
        tops = {path.parts[0] for path in one.files or [] if path.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            (packages / top).symlink_to(Path(str(one.locate_file(top))))
    assert run(*pip, "check") == "No broken requirements found.\n"
    return python


def test_the_wheel_holds_the_library_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (ROOT / "sovi").rglob("*.py")
    assert names == {path.relative_to(ROOT).as_posix() for path in files}
    assert "sovi/events/client.py" in names
    assert "sovi/__init__.py" not in names


@pytest.mark.django_db(transaction=True)
def test_a_producers_environment_emits_without_django(producer: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    event_id = int(run(producer, "-I", program))
    [row] = events.get_events()
    assert (row["id"], row["message"]) == (event_id, "From a producer's environment")
    installed = {path.stem for path in producer.parents[1].glob("lib/*/site-packages/*.dist-info")}
    assert {name.partition("-")[0] for name in installed} <= {
        *("psycopg", "psycopg_binary", "sovi_events", "typing_extensions"),
    }
