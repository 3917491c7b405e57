"""API tokens, kept as digests."""

from django.db import models
from knox.models import AbstractAuthToken

from sovi_events import catalog


class ApiToken(AbstractAuthToken):  # type: ignore[misc]  # knox has no types
    """A credential for the API, stored as a hash. Its kind decides how its actions are recorded."""

    class Kind(models.TextChoices):
        PERSON = "person"
        AGENT = "agent"
        SERVICE = "service"

    kind = models.TextField(choices=Kind.choices, default=Kind.PERSON)

    class Meta:
        db_table = "events_api_token"
        verbose_name = "API token"
        default_permissions = ("view", "delete")

    def __str__(self) -> str:
        return f"{self.user} ({self.kind}) {self.token_key}…"

    @property
    def resolver(self) -> catalog.Resolver:
        """What `resolved_by` becomes when this token's bearer resolves."""
        return RESOLVER_OF_KIND[self.kind]


RESOLVER_OF_KIND: dict[str, catalog.Resolver] = {
    ApiToken.Kind.PERSON: "human",
    ApiToken.Kind.AGENT: "llm_agent",
    ApiToken.Kind.SERVICE: "auto",
}
