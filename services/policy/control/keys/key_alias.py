"""Who has an alias: an aggregate of its own for each alias ever used, so that no two keys can have it at once.

Its id is derived from the alias, and a version of an aggregate is stored once: of two that claim the same alias at the
same time, one is refused by the store itself.
"""

from datetime import datetime
from typing import Self
from uuid import UUID, uuid5

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

_NAMESPACE = UUID("5d2f7c7e-58a7-5b44-8f0f-7d4b6a3f9e02")


class AliasIsTaken(Exception):
    pass


class KeyAlias(BaseAggregate[UUID]):
    TOPIC = "KeyAlias"

    class Event(AggregateEvent):
        """What all its events are."""

    class Appeared(Event, AggregateCreated):
        """The alias is used for the first time."""

        TOPIC = "KeyAlias.Appeared"
        alias: str
        token: str

    class Claimed(Event):
        """A key has the alias from now on; nobody had it."""

        TOPIC = "KeyAlias.Claimed"
        token: str

        def apply(self, aggregate: "KeyAlias") -> None:
            aggregate.token = self.token

    class Released(Event):
        """Its key was deleted, or has another alias now."""

        TOPIC = "KeyAlias.Released"

        def apply(self, aggregate: "KeyAlias") -> None:
            aggregate.token = None

    def __init__(self, alias: str, token: str) -> None:
        self.alias = alias
        self.token: str | None = token

    @staticmethod
    def id_of(alias: str) -> UUID:
        return uuid5(_NAMESPACE, alias)

    @classmethod
    def appear(cls, alias: str, token: str, *, at: datetime) -> Self:
        return cls._create(cls.Appeared, id=cls.id_of(alias), timestamp=at, alias=alias, token=token)

    def claim(self, token: str, *, at: datetime) -> None:
        """A key that has the alias keeps it, without an event."""
        self.check_is_not_taken_by_another_key(token)
        if self.token is None:
            self.trigger_event(self.Claimed, timestamp=at, token=token)

    def release(self, token: str, *, at: datetime) -> None:
        """Only who has the alias can let it go; for anybody else nothing happens."""
        if self.token == token:
            self.trigger_event(self.Released, timestamp=at)

    def check_is_not_taken_by_another_key(self, token: str) -> None:
        if self.token is not None and self.token != token:
            raise AliasIsTaken(self.alias)
