"""The form of the admin's login: Django's, slowed down where it fails."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import ngettext

from events.web.sign_in import TooManyAttempts, attempt


class SignInForm(AdminAuthenticationForm):
    retry_after_seconds: int | None = None
    """Where the password was not looked at: when it may be sent again."""

    def clean(self) -> dict[str, Any]:
        username, password = map(self.cleaned_data.get, ("username", "password"))
        if username is None or not password:
            return super().clean()
        address = self.request.META.get("REMOTE_ADDR", "") if self.request else ""
        try:
            with attempt(username, address) as succeeded:
                cleaned: dict[str, Any] = super().clean()
                succeeded()
        except TooManyAttempts as error:
            self.retry_after_seconds = error.seconds
            text = ngettext(
                "Too many attempts. Try again in %(count)s second.",
                "Too many attempts. Try again in %(count)s seconds.",
                error.seconds,
            )
            raise ValidationError(text % {"count": error.seconds}, code="throttled") from None
        return cleaned
