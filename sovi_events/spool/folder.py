"""The folder of a spool, which is its user's alone; in one that others may change nothing is kept.

Who can put a file or a link there reads the events, or has this user write where they like.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

MAX_LINKS = 40
OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UnsafeFolder(OSError):
    """Others may change what is kept in a folder; the message says what to change."""


def make_private(folder: Path) -> None:
    """Make a folder that only its user can read, and see that it is. Raises OSError."""
    missing = require_safe_place(folder)
    for parent in reversed(missing):
        parent.mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    require_private(folder)


def require_safe_place(folder: Path) -> list[Path]:
    """Raise UnsafeFolder where a folder to be made could not be kept private.

    Returns those of its parents that have to be made, the innermost first.
    """
    missing = [path for path in folder.parents if not path.exists()]
    _require_safe_way([*folder.parents][len(missing)], folder)
    return missing


def require_private(folder: Path) -> None:
    """Raise UnsafeFolder where anyone but this user and root may change what is in a folder.

    Links on the way to it are safe where they stand, and where they lead.
    """
    _require_safe_way(folder, folder)
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise UnsafeFolder(_refusal(folder, f"it belongs to the user {found.st_uid}"))
    if found.st_mode & OTHERS_MAY_WRITE:
        raise UnsafeFolder(_refusal(folder, "others may write it"))


def _require_safe_way(path: Path, folder: Path) -> None:
    for part in _walked(path):
        found = part.lstat()
        is_open = bool(found.st_mode & stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
        if found.st_uid not in (os.geteuid(), *_roots()):
            raise UnsafeFolder(_refusal(folder, f"{part} belongs to the user {found.st_uid}"))
        if is_open and not stat.S_ISLNK(found.st_mode):
            raise UnsafeFolder(_refusal(folder, f"all may write {part}"))


def _walked(path: Path) -> Iterator[Path]:
    """Return each folder and link on the way to a path, as the system goes it."""
    at, names, links = Path("/"), [*reversed(path.absolute().parts)], 0
    while names:
        name = names.pop()
        if name == "..":
            at = at.parent
            continue
        at /= name
        yield at
        if at.is_symlink():
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            names.extend(reversed(at.readlink().parts))
            at = at.parent


def open_file(path: str | Path, flags: int) -> int:
    """Open a file of the spool, never by way of a link. Raises OSError."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _roots() -> tuple[int, ...]:
    # In a container root may go by the number of nobody.
    return 0, os.lstat("/").st_uid


def _refusal(folder: Path, reason: str) -> str:
    return (
        f"No events are kept in {folder}, as {reason}: set SOVI_SPOOL_DIR to a folder of the user "
        f"{os.geteuid()}, below folders that others can't write"
    )
