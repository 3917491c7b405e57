"""`manage.py create_api_token`: make a token and print it, once."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from knox.settings import knox_settings

from events.models import ApiToken
from sovi_events.whole_number import whole_number

MAX_DAYS = 36500


def days(text: str) -> timedelta:
    number = whole_number(text, 1, MAX_DAYS)
    if number is None:
        raise ArgumentTypeError(f"must be a whole number from 1 to {MAX_DAYS}")
    return timedelta(days=number)


class Command(BaseCommand):
    """Prints the token and nothing else, so that a script can keep it; it is shown this once."""

    help = "Create a token for the API, owned by an existing user, and print it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--kind",
            choices=ApiToken.Kind.values,
            default=ApiToken.Kind.PERSON.value,
            help="who will use it: events it resolves are recorded as resolved by human, "
            "llm_agent or auto (default: %(default)s)",
        )
        lifetime = parser.add_mutually_exclusive_group()
        lifetime.add_argument(
            "--days",
            dest="lifetime",
            type=days,
            default=knox_settings.TOKEN_TTL,
            metavar="N",
            help="for how many days it is valid (default: SOVI_TOKEN_DAYS)",
        )
        lifetime.add_argument(
            "--no-expiry",
            dest="lifetime",
            action="store_const",
            const=None,
            help="valid until it is deleted",
        )

    def handle(
        self, *args: Any, username: str, kind: str, lifetime: timedelta | None, **options: Any
    ) -> None:
        users = get_user_model()
        try:
            user = users.objects.get_by_natural_key(username)
        except users.DoesNotExist:
            raise CommandError(f"There is no user {username!r}.") from None
        if not user.is_active:
            raise CommandError(f"The user {username!r} is inactive; a token would be refused.")
        _, token = ApiToken.objects.create(user, expiry=lifetime, kind=kind)
        self.stdout.write(token)
