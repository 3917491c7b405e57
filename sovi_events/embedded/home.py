"""Where the embedded PostgreSQL lives, and which account runs it.

Note [root]: PostgreSQL refuses to run as root, so root runs it as an unprivileged account, which
must be able to walk to the data. Where it cannot (a checkout below /root), the data goes to
/var/lib. The permissions of a folder that we did not make are never changed, and root opens no
file by following a link of the other account.
"""

import hashlib
import os
import pwd
import stat
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DatabaseConfigurationError

PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107


@dataclass(frozen=True)
class Home:
    """The folder of one embedded PostgreSQL, and the account that runs it."""

    folder: Path
    uid: int
    gid: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def settings(self) -> Path:
        return self.folder / "settings.conf"

    @property
    def run_as(self) -> dict[str, Any]:
        """The arguments of `subprocess.run` that give root up."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if _is_root() else {}

    def create(self) -> None:
        """Create the folder with its missing parents.

        Raises DatabaseConfigurationError for a name that PostgreSQL's programs cannot take, and
        where another user's data lies.
        """
        if refused := set('"$`\\\n') & set(str(self.folder)):  # pg_ctl hands it to a shell
            raise DatabaseConfigurationError(
                f"PostgreSQL cannot live in {self.folder}, whose name contains "
                f"{' '.join(map(repr, sorted(refused)))}: "
                "set SOVI_DATA_DIR to another folder, or set DATABASE_URL."
            )
        make_folder(self.folder)
        if self.data.exists() and (owner := self.data.stat().st_uid) != self.uid:
            raise DatabaseConfigurationError(
                f"{self.data} belongs to another user (uid {owner}, this is uid {self.uid}): "
                "run as that user, set SOVI_DATA_DIR to a folder of your own, or set DATABASE_URL."
            )

    def give_to_server(self, path: Path) -> None:
        if _is_root():
            os.chown(path, self.uid, self.gid)

    def socket_folder(self) -> Path:
        """The data folder, or a private one in /tmp where its path does not fit a socket's address.

        Raises DatabaseConfigurationError when the name in /tmp is taken by something else.
        """
        fits = len(os.fsencode(self.data / SOCKET_NAME)) <= SOCKET_PATH_BYTES
        # libpq splits a host at commas; quotes would need escapes in PostgreSQL's settings.
        if fits and not {",", "'"} & set(str(self.data)):
            return self.data
        # The inode: when the data was deleted, new data must not meet the old server.
        identity = f"{self.data} {self.data.stat().st_ino}"
        folder = Path("/tmp", f"sovi-postgres-{self.uid}-{digest(identity)}")  # noqa: S108
        with suppress(FileNotFoundError):
            found = folder.lstat()
            private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
            if not private or found.st_uid != self.uid:
                raise DatabaseConfigurationError(
                    f"{folder} is not a private folder of uid {self.uid}: remove it, or set "
                    "SOVI_DATA_DIR to a folder with a shorter path."
                )
        return folder

    def create_socket_folder(self) -> None:
        folder = self.socket_folder()
        if not folder.exists():
            folder.mkdir(mode=0o700)
            self.give_to_server(folder)


CHECKOUT = Path(__file__).resolve().parents[2]


def is_checkout() -> bool:
    """Whether the library runs from the project's checkout, not from an installation."""
    return (CHECKOUT / "manage.py").is_file()


def data_dir() -> Path:
    """SOVI_DATA_DIR, or `.data` beside the checkout's manage.py, else in the current folder."""
    if chosen := os.environ.get("SOVI_DATA_DIR"):
        return Path(chosen).expanduser().resolve()
    return (CHECKOUT if is_checkout() else Path.cwd()) / ".data"


def make_folder(folder: Path) -> None:
    """Make a folder with its missing parents, where PostgreSQL's account can walk. Raises OSError.

    All that makes the data folder does it so: one made by root under a strict umask would send the
    data elsewhere.
    """
    for part in reversed((folder, *folder.parents)):
        try:
            part.mkdir()
        except OSError:
            if not part.is_dir():
                raise
        else:
            if _is_root():
                part.chmod(0o755)


def locate(data_folder: Path) -> Home:
    """Choose the home for a data folder; creates nothing. Raises DatabaseConfigurationError."""
    local = data_folder / "postgres"
    if not _is_root():
        return Home(local, os.geteuid(), os.getegid())
    shared = Path(os.environ.get("EMBEDDED_PG_ROOT_HOME", "/var/lib/sovi-postgres"))
    elsewhere = shared / digest(str(local))
    # Data comes first: a permission changed on the way must not look like an empty database.
    for folder in (local, elsewhere):
        data = folder / "data"
        if data.is_dir():
            owner = data.stat()
            if owner.st_uid == 0 or not reachable(folder, owner.st_uid):
                raise DatabaseConfigurationError(
                    f"{data} belongs to root, as which PostgreSQL cannot run, or lies where its "
                    f"owner (uid {owner.st_uid}) cannot go: give it to an unprivileged user who "
                    "can, set SOVI_DATA_DIR to another folder, or set DATABASE_URL."
                )
            return Home(folder, owner.st_uid, owner.st_gid)
    uid, gid = _unprivileged_account()
    return Home(local if reachable(local, uid) else elsewhere, uid, gid)


def reachable(path: Path, uid: int) -> bool:
    """Whether the user can walk to the path, as far as it exists."""
    for folder in (path, *path.parents):
        if folder.exists():
            found = folder.stat()
            needed = stat.S_IXUSR if found.st_uid == uid else stat.S_IXOTH
            if not found.st_mode & needed:
                return False
    return True


def _unprivileged_account() -> tuple[int, int]:
    for name in filter(None, (os.environ.get("EMBEDDED_PG_USER"), "postgres", "nobody")):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return account.pw_uid, account.pw_gid
    raise DatabaseConfigurationError(
        "PostgreSQL cannot run as root: name an unprivileged user in EMBEDDED_PG_USER, "
        "or set DATABASE_URL."
    )


def _is_root() -> bool:
    return os.geteuid() == 0


def digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:16]
