"""Where SOVI's database is: `configure`, DATABASE_URL, or in a checkout the embedded PostgreSQL.

What is in effect is read at each call (`settings`). Importing this starts nothing.
"""

import hashlib
import os
import re
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from . import settings
from .embedded import client as embedded
from .embedded import home as embedded_home
from .errors import DatabaseConfigurationError as DatabaseConfigurationError
from .whole_number import whole_number

VARIABLE, EMBEDDED = "DATABASE_URL", "SOVI_EMBEDDED"
ESCAPE_ADVICE = "in a user name or password, @ must be written %40, / %2F, : %3A, ? %3F and % %25"


def parameters(dbname: str | None = None) -> dict[str, str]:
    """Return the libpq keywords of SOVI's database, or of another one on its server.

    Without DATABASE_URL this starts or joins the embedded PostgreSQL, which blocks for about a
    second the first time ever. Raises DatabaseConfigurationError.
    """
    found = embedded.ensure() if is_embedded() else _configured()
    return found | ({"dbname": dbname} if dbname else {})


def configured_name() -> str:
    """Return the database's name without starting or connecting to anything.

    Raises DatabaseConfigurationError.
    """
    return embedded.DATABASE if is_embedded() else _configured()["dbname"]


def identity() -> str:
    """Return a name for the database, fit for a folder and without a secret; connects to nothing.

    Raises DatabaseConfigurationError.
    """
    if is_embedded():
        place = str(embedded_home.data_dir())
    else:
        found = _configured()
        place = " ".join(found.get(key, "") for key in ("host", "hostaddr", "port", "dbname"))
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", configured_name())[:40]
    return f"{readable}-{hashlib.sha256(place.encode()).hexdigest()[:10]}"


def is_embedded() -> bool:
    """Whether this process starts or joins a PostgreSQL of its own.

    It does without DATABASE_URL, in a checkout or where SOVI_EMBEDDED=1 asks for it. Set but empty
    is a mistake, and refused where it is read. Raises `ConfigurationError`.
    """
    variables = settings.in_effect()
    is_wanted = settings.switch(variables, EMBEDDED, default=embedded_home.is_checkout())
    return is_wanted and VARIABLE not in variables


def connection_string(dbname: str | None = None) -> str:
    """Return `parameters(dbname)` as a URL, fit to be DATABASE_URL for a child process.

    Contains the password, if there is one. Raises DatabaseConfigurationError.
    """
    rest = parameters(dbname)
    name = quote(rest.pop("dbname"), safe="")
    # The rest goes behind the ?, where alone a socket folder or a lone password can stand.
    query = urlencode(rest, quote_via=quote, safe="")
    return f"postgresql:///{name}{'?' if query else ''}{query}"


def unreachable(error: psycopg.OperationalError) -> str:
    """Explain to an operator, in one paragraph without a password, why connecting failed."""
    cause = re.sub(r"://\S*@", "://***@", " ".join(str(error).split())) or type(error).__name__
    try:
        if is_embedded():
            data = embedded_home.locate(embedded_home.data_dir()).data
            return (
                f"The embedded PostgreSQL (used because {VARIABLE} is not set) cannot be reached: "
                f"{cause}. Check its log in {data / 'log'}, free disk space and memory, "
                f"or set {VARIABLE} to another PostgreSQL."
            )
        found = _configured()
    except DatabaseConfigurationError as mistake:
        return str(mistake)
    host = found.get("hostaddr") or found.get("host") or os.environ.get("PGHOST") or "local socket"
    port = found.get("port") or os.environ.get("PGPORT") or "5432"
    return (
        f"PostgreSQL cannot be reached as {VARIABLE} says (host {host}, port {port}, database "
        f"{found['dbname']}): {cause}. Check that the server runs and takes connections from here, "
        f"that the database exists, and that the user and password in {VARIABLE} are right."
    )


def _configured() -> dict[str, str]:
    url = settings.in_effect().get(VARIABLE)
    if url is None:
        raise _mistake(
            f"is not set: set it, or call `configure(database_url=...)`; {EMBEDDED}=1 starts a "
            "PostgreSQL of its own"
        )
    return parsed(url)


def parsed(url: str) -> dict[str, str]:
    """Return the libpq keywords of a URL of a database. Raises DatabaseConfigurationError."""
    scheme, separator, rest = url.partition("://")
    if not url.strip():
        raise _mistake("is empty: unset it, or set it to a URL")
    if not separator or scheme not in ("postgres", "postgresql"):
        raise _mistake("must begin with postgresql:// or postgres:// (and stand without quotes)")
    authority, _, path = rest.partition("/")
    if authority.count("@") > 1 or "@" in path.partition("?")[0]:
        raise _mistake(f"has an @ too many: {ESCAPE_ADVICE}")
    if re.search(r"%(?![0-9A-Fa-f]{2})|%00", url):
        raise _mistake(f"has a % that begins no escape: {ESCAPE_ADVICE}")
    try:
        found = {
            keyword: str(value)
            for keyword, value in conninfo_to_dict(url).items()
            if value is not None
        }
    except psycopg.ProgrammingError:
        # Not chained: libpq's message quotes the URL, password and all.
        raise _mistake(_unreadable(url)) from None
    for port in found.get("port", "").split(","):
        if port and whole_number(port, 1, 65535) is None:
            raise _mistake(f"has a port that is no number from 1 to 65535 ({ESCAPE_ADVICE})")
    if not found.get("dbname"):
        raise _mistake("names no database: it must end in /NAME")
    return found


def _unreadable(url: str) -> str:
    query = url.partition("?")[2]
    if "@" not in query:  # else it may be a piece of the password
        known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
        names = [pair.partition("=")[0] for pair in query.split("&") if query]
        if unknown := [name for name in names if name not in known]:
            return f"has a parameter that PostgreSQL does not know: {', '.join(unknown)}"
    return (
        "is no PostgreSQL URL; expected postgresql://user:password@host:5432/name?parameter=value "
        f"({ESCAPE_ADVICE}; an IPv6 address stands in square brackets)"
    )


def _mistake(what: str) -> DatabaseConfigurationError:
    return DatabaseConfigurationError(f"{VARIABLE} {what}.")
