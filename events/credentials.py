"""Whose request it is, told asynchronously: for views that Django REST framework can't serve."""

from datetime import UTC, datetime

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest
from knox.crypto import hash_token
from knox.settings import knox_settings

from events.models import ApiToken


async def authenticate(request: HttpRequest) -> AbstractUser | None:
    """Return the active user of the request's token or session; None without a valid one.

    A token that is not valid is never made up for by a session.
    """
    scheme, _, token = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() == knox_settings.AUTH_HEADER_PREFIX.lower():
        return await _bearer(token.strip())
    user = await request.auser()
    return user if isinstance(user, AbstractUser) and user.is_active else None


async def _bearer(token: str) -> AbstractUser | None:
    # The digest is the key, and a digest can't be guessed from the time that a look-up takes.
    found = await ApiToken.objects.select_related("user").filter(digest=hash_token(token)).afirst()
    if found is None or (found.expiry is not None and found.expiry <= datetime.now(UTC)):
        return None
    user: AbstractUser = found.user
    return user if user.is_active else None
