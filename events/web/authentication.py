"""Whose request it is, told asynchronously: for views that Django REST framework can't serve."""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from knox.crypto import hash_token
from knox.settings import knox_settings

from events.models import ApiToken


class Credential(NamedTuple):
    """What a request has shown: `key` is the token's digest, or the session's key."""

    kind: Literal["token", "session"]
    key: str
    user_id: int


async def authenticate(request: HttpRequest) -> tuple[AbstractUser, Credential] | None:
    """Return the active user of the request's token or session; None without a valid one.

    A token that is not valid is never made up for by a session.
    """
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == knox_settings.AUTH_HEADER_PREFIX.lower():
        return await _bearer(token.strip())
    user = await request.auser()
    if not isinstance(user, AbstractUser) or not user.is_active:
        return None
    return user, Credential("session", str(request.session.session_key), user.pk)


async def _bearer(token: str) -> tuple[AbstractUser, Credential] | None:
    # The digest is the key, and a digest can't be guessed from the time that a look-up takes.
    digest = hash_token(token)
    found = await ApiToken.objects.select_related("user").filter(digest=digest).afirst()
    if found is None or (found.expiry is not None and found.expiry <= datetime.now(UTC)):
        return None
    user: AbstractUser = found.user
    return (user, Credential("token", digest, user.pk)) if user.is_active else None
