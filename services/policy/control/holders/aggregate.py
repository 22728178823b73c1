"""What a team, a user, a tag and all other holders are alike: an id, terms, and whether it still counts.

An id is derived from kind and name, so that of two that make the same one at the same time the store refuses one. A
name whose holder was deleted may be used again: then the same aggregate goes on with new terms, and what was spent
under the name still counts.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID, uuid5

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

from shared.identity.holders import HolderKind

_NAMESPACE = UUID("7b1f6a0e-6d2c-5a8e-9d53-0c5b1b7f4e10")

Terms = dict[str, Any]
"""Field -> value, plain JSON; a field that is absent has its default."""


class HolderIsThere(Exception):
    pass


class HolderIsDeleted(Exception):
    pass


class HolderAggregate(BaseAggregate[UUID]):
    """The kinds stand in `kinds`: each names its events, which do what those here do."""

    if TYPE_CHECKING:  # of a class with annotations the library makes a dataclass, with another constructor
        TOPIC: ClassVar[str]
        KIND: ClassVar[HolderKind]

    class Event(AggregateEvent):
        """What all its events are."""

    class Created(Event, AggregateCreated):
        """It exists. `tenant` says whose partition counts for it; `by` is who asked for it."""

        holder_id: str
        tenant: str
        terms: Terms
        by: str

    class Recreated(Event):
        """It exists again, with other terms."""

        terms: Terms
        by: str

        def apply(self, aggregate: "HolderAggregate") -> None:
            aggregate.terms = dict(self.terms)
            aggregate.made_on = self.timestamp
            aggregate.created_by = aggregate.updated_by = self.by
            aggregate.is_blocked = aggregate.is_deleted = False
            aggregate.was_counted |= is_counted(self.terms)

    class Updated(Event):
        """`changes` holds the new values; None clears a field."""

        changes: Terms
        by: str

        def apply(self, aggregate: "HolderAggregate") -> None:
            terms = {**aggregate.terms, **self.changes}
            aggregate.terms = {field: value for field, value in terms.items() if value is not None}
            aggregate.was_counted |= is_counted(aggregate.terms)
            aggregate.updated_by = self.by

    class Blocked(Event):
        """Whatever is counted to it is refused until it is unblocked."""

        by: str

        def apply(self, aggregate: "HolderAggregate") -> None:
            aggregate.is_blocked = True
            aggregate.updated_by = self.by

    class Unblocked(Event):
        """It is served again."""

        by: str

        def apply(self, aggregate: "HolderAggregate") -> None:
            aggregate.is_blocked = False
            aggregate.updated_by = self.by

    class Deleted(Event):
        """It is gone, until its name is used again."""

        by: str

        def apply(self, aggregate: "HolderAggregate") -> None:
            aggregate.is_deleted = True
            aggregate.updated_by = self.by

    def __init__(self, holder_id: str, tenant: str, terms: Terms, by: str, timestamp: datetime) -> None:
        self.holder_id = holder_id
        self.tenant = tenant
        self.terms = dict(terms)
        self.made_on = timestamp
        self.created_by = by
        self.updated_by = by
        self.is_blocked = False
        self.is_deleted = False
        self.was_counted = is_counted(terms)  # whether it ever had a budget of its own or a shared one

    @classmethod
    def id_of(cls, holder_id: str) -> UUID:
        return uuid5(_NAMESPACE, f"{cls.KIND}:{holder_id}")

    @classmethod
    def create(cls, holder_id: str, *, tenant: str, terms: Terms, by: str, at: datetime) -> Self:
        return cls._create(
            cls.Created,
            id=cls.id_of(holder_id),
            timestamp=at,
            holder_id=holder_id,
            tenant=tenant,
            terms=_said(terms),
            by=by,
        )

    def recreate(self, *, terms: Terms, by: str, at: datetime) -> None:
        """Use the name again; its tenant stays, because that is where its spend is counted.

        Raises:
            HolderIsThere: it was not deleted.
        """
        if not self.is_deleted:
            raise HolderIsThere(self.holder_id)
        self.trigger_event(self.Recreated, timestamp=at, terms=_said(terms), by=by)

    def update(self, changes: Terms, *, by: str, at: datetime) -> None:
        """Without changes nothing happens."""
        self._check_is_there()
        if changes:
            self.trigger_event(self.Updated, timestamp=at, changes=changes, by=by)

    def block(self, *, by: str, at: datetime) -> None:
        """One that is blocked already stays so, without an event."""
        self._check_is_there()
        if not self.is_blocked:
            self.trigger_event(self.Blocked, timestamp=at, by=by)

    def unblock(self, *, by: str, at: datetime) -> None:
        """One that is not blocked stays so, without an event."""
        self._check_is_there()
        if self.is_blocked:
            self.trigger_event(self.Unblocked, timestamp=at, by=by)

    def delete(self, *, by: str, at: datetime) -> None:
        self._check_is_there()
        self.trigger_event(self.Deleted, timestamp=at, by=by)

    def _check_is_there(self) -> None:
        if self.is_deleted:
            raise HolderIsDeleted(self.holder_id)


def is_counted(terms: Terms) -> bool:
    """Return whether such terms make policy count what is spent, whoever's they are."""
    return any(terms.get(name) is not None for name in ("max_budget_pico", "soft_budget_pico", "budget_id"))


def _said(terms: Terms) -> Terms:
    return {field: value for field, value in terms.items() if value is not None}
