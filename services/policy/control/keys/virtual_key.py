"""A virtual key: its terms (what it may do) and whether it still counts.

The topics of its events are names, not import paths, so that this module can move. A change of an event's meaning is
`class_version = 2` on its class and an `upcast_v1_v2(state)` beside it.
"""

from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid5

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

_NAMESPACE = UUID("0b9f3a52-6f0e-5c0e-9d6f-6b8c1f0c2a11")

Terms = dict[str, Any]
"""Field -> value, plain JSON; a field that is absent has its default. `key_terms` names them."""


class KeyIsDeleted(Exception):
    pass


class VirtualKey(BaseAggregate[UUID]):
    TOPIC = "VirtualKey"

    class Event(AggregateEvent):
        """What all its events are."""

    class Generated(Event, AggregateCreated):
        """The key exists. `token` is its SHA-256; `by` is who asked for it."""

        TOPIC = "VirtualKey.Generated"
        token: str
        tenant: str
        key_name: str
        terms: Terms
        by: str

    class Updated(Event):
        """`changes` holds the new values; None clears a field."""

        TOPIC = "VirtualKey.Updated"
        changes: Terms
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            terms = {**aggregate.terms, **self.changes}
            aggregate.terms = {field: value for field, value in terms.items() if value is not None}
            aggregate.updated_by = self.by

    class Blocked(Event):
        """It is refused everywhere until it is unblocked."""

        TOPIC = "VirtualKey.Blocked"
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            aggregate.terms = {**aggregate.terms, "blocked": True}
            aggregate.updated_by = self.by

    class Unblocked(Event):
        """It is said to be free, which is not the same as never having been blocked: LiteLLM shows false, not null."""

        TOPIC = "VirtualKey.Unblocked"
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            aggregate.terms = {**aggregate.terms, "blocked": False}
            aggregate.updated_by = self.by

    class Regenerated(Event):
        """It has another secret; the one before counts until `grace_until` (seconds since 1970), 0: no more.

        `secret` is the new one's SHA-256. The key's token stays: all that is counted by it goes on.
        """

        TOPIC = "VirtualKey.Regenerated"
        secret: str
        key_name: str
        grace_until: float
        changes: Terms
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            now = self.timestamp.timestamp()
            known = [*aggregate.retired, (aggregate.secret, self.grace_until)]
            aggregate.retired = [(secret, until) for secret, until in known if until > now]
            aggregate.withdrawn = [secret for secret, until in known if until <= now]
            aggregate.secret, aggregate.key_name = self.secret, self.key_name
            aggregate.rotations, aggregate.rotated_on = aggregate.rotations + 1, self.timestamp
            terms = {**aggregate.terms, **self.changes}
            aggregate.terms = {field: value for field, value in terms.items() if value is not None}
            aggregate.updated_by = self.by

    class SpendReset(Event):
        """Its spend in the present window was set: what its budget counts, not what was ever spent. Pico-dollars."""

        TOPIC = "VirtualKey.SpendReset"
        spend_pico: int
        previous_pico: int
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            at_ms = round(self.timestamp.timestamp() * 1000)
            aggregate.correction = (self.originator_version, self.spend_pico, at_ms)
            aggregate.taken_off_pico += self.previous_pico - self.spend_pico
            aggregate.updated_by = self.by

    class Deleted(Event):
        """It is gone for good; the same key can never be generated again."""

        TOPIC = "VirtualKey.Deleted"
        by: str

        def apply(self, aggregate: "VirtualKey") -> None:
            aggregate.is_deleted = True
            aggregate.updated_by = self.by

    def __init__(self, token: str, tenant: str, key_name: str, terms: Terms, by: str) -> None:
        self.token = token
        self.tenant = tenant
        self.key_name = key_name
        self.terms = terms
        self.created_by = by
        self.updated_by = by
        self.is_deleted = False
        self.secret = token  # SHA-256 of its present secret
        self.retired: list[tuple[str, float]] = []  # former ones that count yet, and until when
        self.withdrawn: list[str] = []  # those that ceased to count with the last change of secrets
        self.rotations = 0
        self.rotated_on: datetime | None = None
        self.correction: tuple[int, int, int] | None = None  # the version that set its spend, to what, and when
        self.taken_off_pico = 0  # by all corrections

    @staticmethod
    def id_of(token: str) -> UUID:
        """Return the one id a key can have: so a key that exists cannot be generated again."""
        return uuid5(_NAMESPACE, token)

    @classmethod
    def generate(cls, *, token: str, tenant: str, key_name: str, terms: Terms, by: str, at: datetime) -> Self:
        """`token` is the key's SHA-256; `tenant` never changes after this."""
        return cls._create(
            cls.Generated,
            id=cls.id_of(token),
            timestamp=at,
            token=token,
            tenant=tenant,
            key_name=key_name,
            terms={field: value for field, value in terms.items() if value is not None},
            by=by,
        )

    def update(self, changes: Terms, *, by: str, at: datetime) -> None:
        self.check_is_not_deleted()
        self.trigger_event(self.Updated, timestamp=at, changes=changes, by=by)

    def block(self, *, by: str, at: datetime) -> None:
        """A key that is blocked already stays so, without an event."""
        self.check_is_not_deleted()
        if not self.is_blocked:
            self.trigger_event(self.Blocked, timestamp=at, by=by)

    def unblock(self, *, by: str, at: datetime) -> None:
        """A key that says it is not blocked stays so, without an event."""
        self.check_is_not_deleted()
        if self.terms.get("blocked") is not False:
            self.trigger_event(self.Unblocked, timestamp=at, by=by)

    def regenerate(
        self, *, secret: str, key_name: str, grace_until: float, changes: Terms, by: str, at: datetime
    ) -> None:
        """Give it another secret, and `changes` with it."""
        self.check_is_not_deleted()
        self.trigger_event(
            self.Regenerated,
            timestamp=at,
            secret=secret,
            key_name=key_name,
            grace_until=grace_until,
            changes=changes,
            by=by,
        )

    def reset_spend(self, spend_pico: int, *, previous_pico: int, by: str, at: datetime) -> None:
        self.check_is_not_deleted()
        self.trigger_event(self.SpendReset, timestamp=at, spend_pico=spend_pico, previous_pico=previous_pico, by=by)

    def delete(self, *, by: str, at: datetime) -> None:
        self.check_is_not_deleted()
        self.trigger_event(self.Deleted, timestamp=at, by=by)

    @property
    def is_blocked(self) -> bool:
        return self.terms.get("blocked") is True

    @property
    def alias(self) -> str | None:
        return self.terms.get("key_alias")

    def check_is_not_deleted(self) -> None:
        if self.is_deleted:
            raise KeyIsDeleted(self.token)
