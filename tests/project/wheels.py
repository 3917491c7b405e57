"""Wheels as pip builds them, and environments that they are installed in; no registry is asked."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent.parent


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


def build(project: Path, folder: Path) -> Path:
    """Return the wheel as pip builds it, from a copy: setuptools writes beside what it builds."""
    source = folder / "project"
    # Of __pycache__ files come and go while other tests run.
    left_out = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    shutil.copytree(project, source, ignore=left_out)
    # Without isolation setuptools is this environment's, and no registry is asked.
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *options, source)
    [built] = folder.glob("*.whl")
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


def pip(python: Path, *arguments: object) -> str:
    """Run this environment's pip on another environment, without a registry."""
    return run(sys.executable, "-m", "pip", "--python", python, *arguments)


def install(python: Path, *what: object) -> None:
    options = ("--quiet", "--no-index", "--no-deps", "--no-build-isolation")
    pip(python, "install", *options, *what)


def packages_of(python: Path) -> Path:
    program = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(run(python, "-I", "-c", program).strip())


def lend(one: Distribution, python: Path) -> None:
    """Let another environment use what is installed in this one."""
    tops = {path.parts[0] for path in one.files or [] if path.parts[0] != ".."}
    for top in tops - {"__pycache__"}:
        (packages_of(python) / top).symlink_to(Path(str(one.locate_file(top))))


def pythons() -> list[str]:
    """Return this Python, and those on the PATH that the library is for, by their commands."""
    here = sys.version_info[1]
    others = [f"python3.{minor}" for minor in range(11, 20) if minor != here]
    return [sys.executable, *filter(shutil.which, others)]


def make_environment(home: Path, wheel: Path, command: str = sys.executable) -> Path:
    """Make an environment with the wheel and what it asks for; return its Python.

    Skips the test where another Python than this makes none, or finds no libpq: psycopg_binary,
    which has its own, is compiled for this one alone.
    """
    arguments = [command, "-m", "venv", "--without-pip", home]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    if done.returncode and command != sys.executable:  # Debian's may have no venv, pyenv's not run
        said = (done.stdout + done.stderr).strip().partition("\n")[0]
        pytest.skip(f"{command} -m venv fails: {said}")
    assert done.returncode == 0, done.stderr
    python = home / "bin" / "python"
    install(python, wheel)
    # What pip would fetch stands in this environment already.
    with zipfile.ZipFile(wheel) as archive:
        [metadata] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    asked = [
        line.removeprefix("Requires-Dist: ")
        for line in text.splitlines()
        if line.startswith("Requires-Dist: ")
    ]
    distributions = needed(asked)
    if command != sys.executable:
        del distributions["psycopg-binary"]
    for one in distributions.values():
        lend(one, python)
    loaded = [python, "-I", "-c", "import psycopg"]
    done = subprocess.run(loaded, capture_output=True, text=True, timeout=120)
    if done.returncode and command != sys.executable:
        pytest.skip(f"psycopg finds no libpq here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert pip(python, "check") == "No broken requirements found.\n"
    return python
