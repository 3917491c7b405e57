"""The admin's forms that look at a password: Django's, slowed down where it is wrong."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import ngettext

from events.web.sign_in import TooManyAttempts, attempt

logger = logging.getLogger(__name__)


@lru_cache(100)  # once of each
def _warn_of_proxy(address: str) -> None:
    logger.warning(
        "X-Forwarded-For came from %s, which uvicorn does not believe: who signs in by this proxy "
        "waits for failures of all others there. If it is yours, name it in FORWARDED_ALLOW_IPS",
        address,
    )


class Throttled:
    retry_after_seconds: int | None = None
    """Where the password was not looked at: when it may be sent again."""

    @contextmanager
    def attempt(self, username: str, request: HttpRequest | None) -> Iterator[None]:
        """Let a password be checked that is right unless ValidationError is raised."""
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        if request and address not in request.headers.get("X-Forwarded-For", address):
            _warn_of_proxy(address)
        try:
            with attempt(username, address) as succeeded:
                yield
                succeeded()
        except TooManyAttempts as error:
            self.retry_after_seconds = error.seconds
            text = ngettext(
                "Too many attempts. Try again in %(count)s second.",
                "Too many attempts. Try again in %(count)s seconds.",
                error.seconds,
            )
            raise ValidationError(text % {"count": error.seconds}, code="throttled") from None


class SignInForm(Throttled, AdminAuthenticationForm):
    def clean(self) -> dict[str, Any]:
        username, password = map(self.cleaned_data.get, ("username", "password"))
        if username is None or not password:
            return super().clean()
        with self.attempt(username, self.request):
            cleaned: dict[str, Any] = super().clean()
        return cleaned


class PasswordForm(Throttled, AdminPasswordChangeForm):
    """One's own: who has another's session must not guess the password by it."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._request = request

    def clean_old_password(self) -> str:
        with self.attempt(self.user.get_username(), self._request):
            try:
                password: str = super().clean_old_password()
            except ValidationError:
                address = self._request.META.get("REMOTE_ADDR", "")
                name = self.user.get_username()
                logger.warning("Old password of %.150r from %s was wrong", name, address)
                raise
        return password
