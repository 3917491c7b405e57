"""Small file systems, to be filled."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sovi_events.embedded.home import Home


@dataclass
class SmallDisk:
    folder: Path

    def resize(self, megabytes: int) -> None:
        options = f"remount,size={megabytes}m"
        subprocess.run(["mount", "-o", options, self.folder], check=True, capture_output=True)


@contextmanager
def a_small_disk(megabytes: int, home: Home | None = None) -> Iterator[SmallDisk]:
    """Mount a file system in memory; its folder belongs to the account of `home`, if given.

    The test is skipped where that isn't allowed.
    """
    if os.geteuid() != 0:
        pytest.skip("Only root can mount a small disk.")
    folder = Path(tempfile.mkdtemp(prefix="sovi-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", folder]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"This container mounts no small disk: {mounted.stderr.strip()}")
    try:
        if home:
            home.give_to_server(folder)
        yield SmallDisk(folder)
    finally:
        # Lazily: a process may have a file open, and the test must fail for its own reason.
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)
        folder.rmdir()
