"""Credentials that end: obtained once for all who need them, renewed before they end, off the way of the calls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

import structlog

from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import NotSignedIn
from shared.serving.deployments import Deployment

log = structlog.get_logger()

T = TypeVar("T")

RENEW_BEFORE_S = 300.0
HELD_MAX = 1_000
RETRY_S = 10.0
"""Between two attempts to renew a credential that still holds."""


class Credential(NamedTuple, Generic[T]):
    """`ends_at` is in seconds since 1970, None if it never ends."""

    value: T
    ends_at: float | None


class Kept(Generic[T]):
    """The credentials of all deployments; those that sign in the same way share one."""

    def __init__(
        self,
        obtain: Callable[[Deployment], Awaitable[Credential[T]]],
        identity: Callable[[Deployment], Hashable],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`obtain` gets a new one and may take its time; `identity`: deployments of the same identity share."""
        self._obtain = obtain
        self._identities = Prepared(identity)
        self._clock = clock
        self._held: dict[Hashable, Credential[T]] = {}
        self._running: dict[Hashable, asyncio.Task[Credential[T]]] = {}
        self._renew_at: dict[Hashable, float] = {}

    async def ready(self, deployment: Deployment) -> None:
        """Return when `of` has a credential that holds.

        Raises:
            GatewayError: what `obtain` raises, to everybody who waits for it.
        """
        identity = self._identities.of(deployment)
        held = self._held.get(identity)
        now = self._clock()
        if held is not None:
            if held.ends_at is None or now < self._renew_at[identity]:
                return
            if now < held.ends_at:
                self._renew(identity, deployment, now)
                return
        await asyncio.shield(self._task(identity, deployment))

    def of(self, deployment: Deployment) -> T:
        """Return the credential; `ready` has returned before.

        Raises:
            NotSignedIn: it has not.
        """
        held = self._held.get(self._identities.of(deployment))
        if held is None:
            raise NotSignedIn
        return held.value

    def drop(self, deployment: Deployment) -> None:
        """It was refused: obtain another one next time."""
        self._held.pop(self._identities.of(deployment), None)

    def _renew(self, identity: Hashable, deployment: Deployment, now: float) -> None:
        self._renew_at[identity] = now + RETRY_S
        task = self._task(identity, deployment)
        task.add_done_callback(_tell)

    def _task(self, identity: Hashable, deployment: Deployment) -> "asyncio.Task[Credential[T]]":
        task = self._running.get(identity)
        if task is None:
            task = self._running[identity] = asyncio.create_task(self._new(identity, deployment))
            task.add_done_callback(lambda _: self._running.pop(identity, None))
        return task

    async def _new(self, identity: Hashable, deployment: Deployment) -> Credential[T]:
        new = await self._obtain(deployment)
        if len(self._held) >= HELD_MAX:  # clients may bring credentials of their own
            self._held.clear()
            self._renew_at.clear()
        self._held[identity] = new
        if new.ends_at is not None:
            left = new.ends_at - self._clock()
            self._renew_at[identity] = new.ends_at - min(RENEW_BEFORE_S, left / 4)
        return new


def _tell(task: "asyncio.Task[Credential[T]]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a credential could not be renewed, and still holds", error=str(error))
