"""Events, and the QuerySet that filters, emits and acts on them."""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, Self, TypeVar

from django.db import IntegrityError, connections, models, transaction
from django.db.models.functions import Now

from events.filters.event_filter import EventFilter
from sovi_events import statements
from sovi_events.action import parameters
from sovi_events.connection import DRAW_ACTIONS, is_taken_action
from sovi_events.readable import readable
from sovi_events.record import Record

from .account import Account
from .action import EventAction
from .actor import Actor
from .device import Device
from .json import TolerantJSONField
from .multirange import BooleanLookup

T = TypeVar("T")

CHUNK_ROWS = 1000
"""Rows changed by one transaction of a bulk action: short locks, and readers hardly wait."""

STATEMENTS: dict[str, str] = {
    EventAction.Action.RESOLVE: statements.RESOLVE,
    EventAction.Action.REOPEN: statements.REOPEN,
}


STATEMENTS_FOR_MANY: dict[str, str] = {
    EventAction.Action.RESOLVE: statements.RESOLVE_MANY,
    EventAction.Action.REOPEN: statements.REOPEN_MANY,
}


class ActedOnMany(NamedTuple):
    """How many events changed, and the id of the action that records it, None without any."""

    changed: int
    action_id: int | None


class SystemEventQuerySet(models.QuerySet["SystemEvent"]):
    event_filter = EventFilter()
    """What `matching` was given: pages are read by the index that serves it."""

    def matching(self, event_filter: EventFilter) -> Self:
        """Return those of the events that a filter asks for."""
        found = self.filter(event_filter.to_q())
        found.event_filter = self.event_filter & event_filter
        return found

    def naming(self, subjects: Collection[str]) -> Self:
        """Load the names of devices or accounts; other events go by their ids."""
        return self.select_related(*subjects) if subjects else self

    def unresolved(self) -> Self:
        """A NULL `resolved` is unresolved, as the specification's DDL allows one."""
        return self.matching(EventFilter.where(resolved=False))

    def resolved(self) -> Self:
        return self.matching(EventFilter.where(resolved=True))

    def _clone(self) -> Self:
        clone = super()._clone()  # type: ignore[misc]
        clone.event_filter = self.event_filter
        return clone  # type: ignore[no-any-return]

    def __or__(self, other: Self) -> Self:  # type: ignore[override]
        return self._unfiltered(super().__or__(other))

    def __xor__(self, other: Self) -> Self:  # type: ignore[override]
        return self._unfiltered(super().__xor__(other))

    def _unfiltered(self, either: Any) -> Self:
        """Alternatives have no filter in common."""
        either = either.all()
        either.event_filter = EventFilter()
        return either  # type: ignore[no-any-return]

    def emit(self, records: Sequence[Record]) -> list[int]:
        """Store one or more events, all or none; return their ids in the order given.

        Part of the caller's transaction, where there is one. PostgreSQL's refusals pass.
        """
        columns = dict(zip(Record._fields, map(list, zip(*records, strict=True)), strict=True))
        with connections[self.db].cursor() as cursor:
            cursor.execute(statements.INSERT_MANY, columns)
            return [event_id for event_id, _ in cursor.fetchall()]

    def pending(self, action: str) -> Self:
        """What "resolve" or "reopen" would change."""
        return self.unresolved() if action == EventAction.Action.RESOLVE else self.resolved()

    def act(
        self,
        action: str,
        ids: Sequence[int],
        *,
        by: Actor,
        reason: str | None,
        operation: uuid.UUID,
    ) -> list[int]:
        """Resolve or reopen those of `ids` that are not so already, and record it.

        One statement, part of the caller's transaction where there is one. Returns the ids changed.
        """
        params = _parameters(ids, by, reason, operation)

        def execute() -> list[int]:
            with connections[self.db].cursor() as cursor:
                cursor.execute(STATEMENTS[action], params)
                return [event_id for (event_id,) in cursor.fetchall()]

        return past_taken_ids(execute, using=self.db)

    def act_on_many(
        self, action: str, ids: str, *, by: Actor, reason: str | None, operation: uuid.UUID
    ) -> ActedOnMany:
        """Do the same with ids as PostgreSQL writes an array: none of them is made an object."""
        params = _parameters(ids, by, reason, operation)
        with connections[self.db].cursor() as cursor:
            cursor.execute(STATEMENTS_FOR_MANY[action], params)
            return ActedOnMany(*(cursor.fetchone() or (0, None)))

    def resolve(self, *, by: Actor, reason: str | None = None) -> int:
        return self.act_on_all(EventAction.Action.RESOLVE, by=by, reason=reason)

    def reopen(self, *, by: Actor, reason: str | None = None) -> int:
        return self.act_on_all(EventAction.Action.REOPEN, by=by, reason=reason)

    def act_on_all(self, action: str, *, by: Actor, reason: str | None = None) -> int:
        """Resolve or reopen those of this set that are not so already, and record it.

        Commits in chunks unless the caller holds a transaction. The first resolver is kept. Returns
        how many changed.
        """
        operation = uuid.uuid4()

        def act(ids: Sequence[int]) -> int:
            # Which says READ COMMITTED: who acts on the same rows is waited for.
            with transaction.atomic(using=self.db):
                return len(self.act(action, ids, by=by, reason=reason, operation=operation))

        return sum(
            past_taken_ids(partial(act, ids), using=self.db)
            for ids in self.pending(action)._chunks_of_ids()
        )

    def _chunks_of_ids(self) -> Iterable[list[int]]:
        # Up to the newest row of now: what comes later nobody has seen, and it might never end.
        # Keyset, not a cursor: each chunk sees what is true when its turn comes.
        rows = self.model._default_manager.using(self.db)
        newest = rows.order_by("-pk").values_list("pk", flat=True).first() or 0
        ascending = self.filter(pk__lte=newest).order_by("pk").values_list("pk", flat=True)
        ids = list(ascending[:CHUNK_ROWS])
        while ids:
            yield ids
            ids = list(ascending.filter(pk__gt=ids[-1])[:CHUNK_ROWS])


def past_taken_ids(act: Callable[[], T], *, using: str) -> T:
    """Act; where an action has the id of its record already, draw past those and act again.

    In a transaction of the caller's it acts once: that one is of no use after an error.
    """
    try:
        return act()
    except IntegrityError as error:
        if connections[using].in_atomic_block or not is_taken_action(error.__cause__):
            raise
    with connections[using].cursor() as cursor:
        cursor.execute(DRAW_ACTIONS)
    return act()


def _parameters(
    ids: Sequence[int] | str, by: Actor, reason: str | None, operation: uuid.UUID
) -> dict[str, Any]:
    return parameters(
        ids,
        actor=by.name,
        actor_kind=by.kind,
        face=by.face,
        reason=reason,
        operation=operation,
    )


class SystemEvent(models.Model):
    """One row of `system_events`, the specification's table, column for column."""

    timestamp = models.DateTimeField(db_default=Now())
    category = models.TextField()
    severity = models.TextField()
    event_type = models.TextField()
    device = models.ForeignKey(
        Device, models.DO_NOTHING, null=True, blank=True, db_index=False, related_name="events"
    )
    account = models.ForeignKey(
        Account, models.DO_NOTHING, null=True, blank=True, db_index=False, related_name="events"
    )
    message = models.TextField()
    context = TolerantJSONField(null=True, db_default={})
    resolved = models.BooleanField(null=True, db_default=False)
    resolved_by = models.TextField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = SystemEventQuerySet.as_manager()

    class Meta:
        db_table = "system_events"
        default_permissions = ("add", "view")
        permissions = [("resolve_systemevent", "Can resolve and reopen system events")]

    def __str__(self) -> str:
        return f"{readable(self.event_type)} #{self.pk}"

    @property
    def device_name(self) -> object:
        """What the device is called, if `naming` loaded it, else its id."""
        return self._name_of("device")

    @property
    def account_name(self) -> object:
        """Likewise."""
        return self._name_of("account")

    def _name_of(self, subject: str) -> object:
        field: Any = self._meta.get_field(subject)
        return field.get_cached_value(self, default=None) or getattr(self, field.attname)


@models.BooleanField.register_lookup
class IsNotTrue(BooleanLookup):
    """`resolved IS NOT TRUE`, word for word, so that the partial indexes serve it."""

    lookup_name = "is_not_true"

    def get_prep_lookup(self) -> bool:
        return bool(self.rhs)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} {'IS NOT TRUE' if self.rhs else 'IS TRUE'}", tuple(params)
