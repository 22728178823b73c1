"""Which key a secret belongs to: an aggregate of its own for each that a key was given later than its first.

Its id is derived from the secret's SHA-256, and a version of an aggregate is stored once: of two keys that take the
same secret at the same time, one is refused by the store itself.
"""

from datetime import datetime
from typing import Self
from uuid import UUID, uuid5

from eventsourcing.domain import AggregateCreated, AggregateEvent, BaseAggregate

_NAMESPACE = UUID("b1d1f0f2-6b0a-5f3e-9a34-3a0f7c1f5e61")


class KeySecretUse(BaseAggregate[UUID]):
    TOPIC = "KeySecretUse"

    class Event(AggregateEvent):
        """What all its events are."""

    class Issued(Event, AggregateCreated):
        """The secret of SHA-256 `secret` was given to the key `token`, for good."""

        TOPIC = "KeySecretUse.Issued"
        secret: str
        token: str

    def __init__(self, secret: str, token: str) -> None:
        self.secret = secret
        self.token = token

    @staticmethod
    def id_of(secret: str) -> UUID:
        return uuid5(_NAMESPACE, secret)

    @classmethod
    def issue(cls, secret: str, token: str, *, at: datetime) -> Self:
        return cls._create(cls.Issued, id=cls.id_of(secret), timestamp=at, secret=secret, token=token)
