"""The PostgreSQL processes at work in a data folder, those of a killed server among them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .home import digest

PROC = Path("/proc")
PS = Path("/bin/ps")
PS_SECONDS = 10


def cluster_name(data: Path) -> str:
    """The name of a data folder's cluster, which its processes show in `ps`.

    By the inode: it is the same by whatever path, and another one's for new data.
    """
    found = data.stat()
    return f"sovi-{digest(f'{found.st_dev} {found.st_ino}')}"


def at_work_in(data: Path) -> list[int]:
    """Return their ids; none where the system does not say."""
    return list(_by_proc(data) if (PROC / "self").exists() else _by_ps(data))


def _by_proc(data: Path) -> Iterator[int]:
    """Linux's way; a zombie has no working folder."""
    folder = data.stat()
    for process in PROC.glob("[0-9]*"):
        try:
            if not (process / "comm").read_text().startswith("postgres"):
                continue
            try:
                ours = os.path.samestat((process / "cwd").stat(), folder)
            except PermissionError:  # root in a container lacks CAP_SYS_PTRACE
                arguments = (process / "cmdline").read_bytes().split(b"\0")
                ours = os.fsencode(data) in arguments
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if ours:
            yield int(process.name)


def _by_ps(data: Path) -> Iterator[int]:
    """The way of macOS and others: all but the postmaster, which is never without the others."""
    title = f"postgres: {cluster_name(data)}: "
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            [PS, "-axww", "-o", "pid=,command="],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=PS_SECONDS,
        )
        for line in listed.stdout.decode(errors="replace").splitlines():
            pid, _, command = line.strip().partition(" ")
            if command.lstrip().startswith(title):
                yield int(pid)
