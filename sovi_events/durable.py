"""Files synced, so that what was written survives a crash of the machine.

macOS's fsync hands the data to the drive, which may keep it in its cache and write it later and in
another order; its fsync(2) names the fcntl F_FULLFSYNC for those who need more. Linux's fsync waits
for the drive.
"""

import errno
import fcntl
import os
from pathlib import Path


def sync_file(descriptor: int) -> None:
    """Make what an open file holds survive. Raises OSError."""
    full_sync: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is not None:
        try:
            fcntl.fcntl(descriptor, full_sync)
            return
        except OSError as error:
            # An fsync after a failure may find nothing left to write, and succeed.
            if error.errno in (errno.EIO, errno.ENOSPC):
                raise
            # The volume does not know it: those on other machines, and some drives.
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)
