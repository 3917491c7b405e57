"""Whose request it is, and what they may do, asked in one query of each request and kept by none.

A revoked token, a user who was deactivated or lost a permission are felt at the next request.
"""

from collections.abc import Collection
from typing import Any, Literal, NamedTuple

import psycopg
from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from knox.crypto import hash_token
from knox.settings import knox_settings

from events.models import ApiToken
from events.reading.raw_sql import read_rows

Connection = psycopg.AsyncConnection[Any]

# As Django's ModelBackend has it, but for superusers, who may do everything.
_PERMISSIONS = """
ARRAY(
    SELECT app_label || '.' || codename
    FROM auth_permission
    JOIN django_content_type ON django_content_type.id = auth_permission.content_type_id
    WHERE auth_permission.id IN (
        SELECT permission_id FROM auth_user_user_permissions WHERE user_id = auth_user.id
        UNION ALL
        SELECT permission_id FROM auth_group_permissions JOIN auth_user_groups USING (group_id)
        WHERE user_id = auth_user.id
    )
)
"""
_GRANTED = f"CASE WHEN is_superuser THEN %(permissions)s::text[] ELSE {_PERMISSIONS} END"

_TOKEN, _USER = (
    [field.attname for field in model._meta.concrete_fields] for model in (ApiToken, User)
)

SELECT_TOKEN = f"""
SELECT {", ".join(f"events_api_token.{column}" for column in _TOKEN)},
       {", ".join(f"auth_user.{column}" for column in _USER)}, {_PERMISSIONS}
FROM events_api_token JOIN auth_user ON auth_user.id = events_api_token.user_id
WHERE digest = %s
"""  # noqa: S608 - the models' columns

SELECT_PERMISSIONS = f"SELECT {_PERMISSIONS} FROM auth_user WHERE id = %s"  # noqa: S608

SELECT_BEARERS = f"""
SELECT digest, auth_user.id, {_GRANTED}
FROM events_api_token JOIN auth_user ON auth_user.id = events_api_token.user_id
WHERE digest = ANY(%(keys)s) AND (expiry IS NULL OR expiry > now()) AND is_active
"""  # noqa: S608

SELECT_SESSIONS = """
SELECT session_key, session_data FROM django_session
WHERE session_key = ANY(%(keys)s) AND expire_date > now()
"""

SELECT_USERS = f"""
SELECT id, password, {_GRANTED} FROM auth_user WHERE id = ANY(%(keys)s) AND is_active
"""  # noqa: S608


Kind = Literal["token", "session"]
Key = tuple[Kind, str]
"""What a request shows: a token's digest, or a session's key."""


class Credential(NamedTuple):
    """A key that is valid, and whose it is."""

    kind: Kind
    key: str
    user_id: int


def find_token(token: str) -> ApiToken | None:
    """Return a token with its user, who knows what they may do; both may be past their time.

    The digest is the key, and can't be guessed from the time that a look-up takes.
    """
    for row in read_rows(SELECT_TOKEN, [hash_token(token)], keep_plan=True):
        found: ApiToken = ApiToken.from_db(DEFAULT_DB_ALIAS, _TOKEN, row[: len(_TOKEN)])
        found.user = User.from_db(DEFAULT_DB_ALIAS, _USER, row[len(_TOKEN) : -1])
        if not found.user.is_superuser:
            _keep_permissions(found.user, row[-1])
        return found
    return None


def read_permissions(user: Any) -> None:
    """Read what a user may do, of themselves and by their groups, in one query instead of two."""
    if not user.is_superuser:
        for (permissions,) in read_rows(SELECT_PERMISSIONS, [user.pk], keep_plan=True):
            _keep_permissions(user, permissions)


def _keep_permissions(user: Any, permissions: list[str]) -> None:
    # Where ModelBackend has them; did it no longer look there, it would ask for them.
    user._perm_cache = set(permissions)


def token_of(request: HttpRequest) -> str | None:
    """Return the token that the request shows, whatever it is; None without the scheme.

    After a scheme come spaces (RFC 9110, section 11.4).
    """
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    return token.strip() if scheme.lower() == knox_settings.AUTH_HEADER_PREFIX.lower() else None


def key_of(request: HttpRequest) -> Key | None:
    """Return what the request shows. Whatever token there is, no session makes up for it."""
    token = token_of(request)
    if token is not None:
        return "token", hash_token(token)
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    # Quoted, a cookie may hold what no text of PostgreSQL can.
    return ("session", session) if session and "\0" not in session else None


async def find_credentials(
    connection: Connection, keys: Collection[Key], permissions: Collection[str]
) -> dict[Credential, frozenset[str]]:
    """Return those of the keys that are valid, of active users, and which of these they may do.

    However many they are: in one query the tokens, in two the sessions.
    """
    digests = [key for kind, key in keys if kind == "token"]
    bearers = await _read(connection, SELECT_BEARERS, digests, permissions)
    found = {
        Credential("token", digest, user_id): frozenset(granted).intersection(permissions)
        for digest, user_id, granted in bearers
    }
    rows = await _read(connection, SELECT_SESSIONS, [key for kind, key in keys if kind != "token"])
    sessions = {key: Session(session_data=data).get_decoded() for key, data in rows}
    user_ids = {int(session.get(SESSION_KEY, 0)) for session in sessions.values()}
    users = await _read(connection, SELECT_USERS, user_ids, permissions)
    for user_id, password, granted in users:
        user = get_user_model()(pk=user_id, password=password)
        for key, session in sessions.items():
            if _is_logged_in(user, session):
                credential = Credential("session", key, user_id)
                found[credential] = frozenset(granted).intersection(permissions)
    return found


async def _read(
    connection: Connection,
    statement: str,
    keys: Collection[Any],
    permissions: Collection[str] = (),
) -> list[tuple[Any, ...]]:
    if not keys:
        return []
    params = {"keys": list(keys), "permissions": list(permissions)}
    return await (await connection.execute(statement.encode(), params)).fetchall()


def _is_logged_in(user: AbstractBaseUser, session: dict[str, Any]) -> bool:
    """Whether it is this user's session, as Django has it: one of before their password is not."""
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return (
        session.get(SESSION_KEY) == str(user.pk)
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and any(constant_time_compare(session.get(HASH_SESSION_KEY, ""), it) for it in hashes)
    )
