"""Providers whose answer takes several calls: one that begins the work, others that ask how far it is, or read it."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

from services.router.providers.base import HttpCall, ProviderCall
from shared.serving.deployments import Deployment


class Step(NamedTuple):
    """The next call. `streams`: what it answers goes to the reader as it comes."""

    call: HttpCall
    wait_s: float = 0.0
    streams: bool = False


class Steps(Protocol):
    """The way of one answer. Its methods take what was answered, and say what is next."""

    def after(self, body: bytes) -> Step | None:
        """Return the next call after a whole answer; None: that was the last.

        Raises:
            BrokenAnswer
        """
        ...

    def after_stream(self) -> Step | None:
        """Return the next call after a stream."""
        ...

    def last(self, body: bytes) -> bytes:
        """Return what the reader gets of the last whole answer."""
        ...

    def cancelling(self) -> HttpCall | None:
        """Return the call that ends work nobody waits for any more; None: nothing was begun, or it is over."""
        ...


class TakesSteps(ABC):
    """What such an adapter has besides a `Provider`'s methods."""

    @abstractmethod
    def steps(self, call: ProviderCall, deployment: Deployment) -> Steps | None:
        """Return the way of one answer, after `prepare` has made the first call of it; None: that call is all."""
