"""Who may read the stream, asked again while it is open: for all streams in one query."""

from collections.abc import Collection
from typing import Any

import psycopg
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Now
from django.utils.crypto import constant_time_compare

from events.models import ApiToken
from events.web.authentication import Credential
from events.web.permissions import VIEW

from .table_reader import Connection


async def still_allowed(
    connection: Connection, credentials: Collection[Credential]
) -> set[Credential]:
    """Return those that are still valid, of active users who may still view events."""
    sql, params = _found(credentials).query.sql_with_params()
    async with psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(sql.encode(), params)
        rows: list[tuple[str, str, str]] = await cursor.fetchall()
    passwords = {key: value for kind, key, value in rows if kind == "user"}
    owners = {(kind, key): _owner(kind, value, passwords) for kind, key, value in rows}
    return {it for it in credentials if owners.get((it.kind, it.key)) == str(it.user_id)}


def _found(credentials: Collection[Credential]) -> QuerySet[Any, Any]:
    """Return what is left: (kind, key, value) of users, tokens and sessions, as text.

    Values: a user's password, a token's user, a session's data.
    """
    keys = {
        kind: [it.key for it in credentials if it.kind == kind] for kind in ("token", "session")
    }
    users = get_user_model()._default_manager.with_perm(VIEW)
    users = users.filter(pk__in={it.user_id for it in credentials})
    tokens = ApiToken.objects.filter(Q(expiry=None) | Q(expiry__gt=Now()), digest__in=keys["token"])
    sessions = Session.objects.filter(expire_date__gt=Now(), session_key__in=keys["session"])
    return _rows(users, "user", Cast("pk", TextField()), F("password")).union(
        _rows(tokens, "token", F("digest"), Cast("user_id", TextField())),
        _rows(sessions, "session", F("session_key"), F("session_data")),
        all=True,
    )


def _rows(queryset: QuerySet[Any, Any], kind: str, key: Any, value: Any) -> QuerySet[Any, Any]:
    return queryset.values_list(Value(kind, TextField()), key, value)


def _owner(kind: str, value: str, passwords: dict[str, str]) -> str | None:
    """Return the user of a token, or of a session that its user's password has not ended."""
    if kind == "token":
        return value if value in passwords else None
    if kind == "user":
        return None
    session = Session(session_data=value).get_decoded()
    user_id = str(session.get(SESSION_KEY))
    if user_id not in passwords:
        return None
    user = get_user_model()(password=passwords[user_id])
    hashes = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    given = session.get(HASH_SESSION_KEY, "")
    return user_id if any(constant_time_compare(given, it) for it in hashes) else None
