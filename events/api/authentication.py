"""Who asks: a token's bearer or a session's user."""

from typing import Any

import drf_spectacular.authentication
import knox.auth
import rest_framework.authentication
from django.utils import timezone
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from events.models import ApiToken
from events.models.actor import Actor
from events.web.authentication import find_token, read_permissions, token_of


class TokenAuthentication(knox.auth.TokenAuthentication):  # type: ignore[misc]  # no types
    """`Authorization: Token ...`, looked up by its hash: one query, whatever was sent.

    Knox itself compares all tokens of the user one by one, deletes the expired ones on the way, and
    reads the header otherwise than the stream does.
    """

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        token = token_of(request)
        return None if token is None else self.authenticate_credentials(token)

    def authenticate_credentials(self, token: str) -> tuple[Any, ApiToken]:
        found = find_token(token)
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        if found.expiry is not None and found.expiry <= timezone.now():
            raise AuthenticationFailed("This token has expired.")
        if not found.user.is_active:
            raise AuthenticationFailed("This token's user is inactive.")
        return found.user, found


class SessionAuthentication(rest_framework.authentication.SessionAuthentication):
    """The admin's login; CSRF is enforced.

    Naming a scheme makes Django REST framework answer 401, not 403, where nobody is logged in. It
    asks the first class of a view, which is usually the one above.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        read_permissions(found[0])
        return found[0], None

    def authenticate_header(self, request: Request) -> str:
        return "Session"


class TokenScheme(KnoxTokenScheme):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication  # type: ignore[assignment]
    name = "tokenAuth"


class SessionScheme(drf_spectacular.authentication.SessionScheme):  # type: ignore[no-untyped-call]
    target_class = SessionAuthentication  # type: ignore[assignment]
    name = "sessionAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scheme: dict[str, Any] = super().get_security_definition(auto_schema)  # type: ignore[no-untyped-call]
        scheme["description"] = "The admin's login. A POST also needs the `X-CSRFToken` header."
        return scheme


def actor_of(request: Request) -> Actor:
    """Return who acts by this request: its credential decides the kind, a session is a person."""
    kind = request.auth.resolver if isinstance(request.auth, ApiToken) else "human"
    user = request.user
    return Actor(name=user.get_username(), kind=kind, face="api", user_id=user.pk)
