"""The property lists for launchd, read as launchd reads them, and what they name looked up here."""

import importlib.util
import plistlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from django.core.management import get_commands, load_command_class
from uvicorn.importer import import_from_string

from events.retention.policy import Policy

ROOT = Path(__file__).resolve().parent.parent.parent
CHECKOUT = "/Users/sovi/sovi-events"  # what stands for it in the files
FILES = sorted((ROOT / "deploy" / "launchd").glob("*.plist"))
# Of launchd.plist(5), with what plistlib makes of them.
KEYS = {
    "Label": str,
    "WorkingDirectory": str,
    "ProgramArguments": list,
    "EnvironmentVariables": dict,
    "RunAtLoad": bool,
    "KeepAlive": bool,
    "ThrottleInterval": int,
    "ExitTimeOut": int,
    "SoftResourceLimits": dict,
    "ProcessType": str,
    "StandardOutPath": str,
    "StandardErrorPath": str,
    "StartCalendarInterval": dict,
}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        job: dict[str, Any] = plistlib.load(file)
    return job


def commands(job: dict[str, Any]) -> list[list[str]]:
    """Return the commands that a job runs; of a shell's script, those between its `&&`."""
    arguments = job["ProgramArguments"]
    if arguments[:2] != ["/bin/sh", "-c"]:
        return [arguments]
    [script] = arguments[2:]
    return [shlex.split(one.strip().removeprefix("exec ")) for one in script.split("&&")]


def test_there_is_one_for_the_web_process_and_one_for_retention() -> None:
    assert [path.stem for path in FILES] == ["com.sovi.events.prune", "com.sovi.events.web"]


@each_file
def test_its_label_is_its_files_name_and_its_keys_are_launchds(path: Path) -> None:
    job = read(path)
    assert job["Label"] == path.stem
    assert {key: type(value) for key, value in job.items()} == {key: KEYS[key] for key in job}
    assert job["ProcessType"] in ("Background", "Standard", "Adaptive", "Interactive")


@each_file
def test_its_paths_are_those_that_the_installation_replaces(path: Path) -> None:
    job = read(path)
    assert job["WorkingDirectory"] == CHECKOUT
    log = f"/Users/sovi/Library/Logs/{path.stem}.log"
    assert job["StandardOutPath"] == job["StandardErrorPath"] == log
    # launchd expands neither ~ nor variables.
    assert not re.search(r"[~$]", path.read_text())


@each_file
def test_its_variables_are_settings_of_the_readme(path: Path) -> None:
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert read(path)["EnvironmentVariables"].keys() <= documented


@each_file
def test_it_runs_the_checkouts_python_on_what_is_there(path: Path) -> None:
    for python, *arguments in commands(read(path)):
        assert python.removeprefix(f"{CHECKOUT}/") == ".venv/bin/python"
        if arguments[0] == "-m":
            assert importlib.util.find_spec(arguments[1])
        else:
            script, name, *options = arguments
            assert (ROOT / script).is_file()
            command = load_command_class(get_commands()[name], name)
            command.create_parser(script, name).parse_args(options)


def test_the_web_process_takes_its_options_and_has_time_to_end() -> None:
    job = read(ROOT / "deploy" / "launchd" / "com.sovi.events.web.plist")
    [[_, _, module, *arguments]] = commands(job)
    assert module == "uvicorn"
    given = uvicorn.main.make_context("uvicorn", arguments).params
    assert import_from_string(given["app"])
    assert given["host"] == "127.0.0.1"
    assert job["ExitTimeOut"] > given["timeout_graceful_shutdown"] > 0


def test_retention_follows_the_policy_that_it_sets() -> None:
    variables = read(ROOT / "deploy" / "launchd" / "com.sovi.events.prune.plist")[
        "EnvironmentVariables"
    ]
    assert Policy.parse(variables["SOVI_RETENTION"]) != Policy.parse("")
