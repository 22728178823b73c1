"""Providers whose credential comes from a call or a file: it is obtained before `prepare`, which stays free of both."""

from abc import ABC, abstractmethod
from typing import Protocol

from shared.serving.deployments import Deployment


class NotSignedIn(Exception):
    """A call is prepared that nobody has signed in for."""


class Identity(Protocol):
    """Who signs in: services/router/sign_in has one for each cloud."""

    async def ready(self, deployment: Deployment) -> None: ...

    def drop(self, deployment: Deployment) -> None: ...


class SignsIn(ABC):
    """What such an adapter has besides a `Provider`'s methods."""

    @abstractmethod
    def identity_of(self, deployment: Deployment) -> Identity | None:
        """Return who signs in for the deployment, None where it has a credential already.

        Raises:
            CredentialMissing
        """

    async def sign_in(self, deployment: Deployment) -> None:
        """Have the deployment's credential at hand; returns at once where it is, and renews it in good time.

        Raises:
            CredentialMissing: nothing says who signs in, or it cannot be read.
            ProviderFailed: whoever gives out credentials refuses, or cannot be reached.
        """
        identity = self.identity_of(deployment)
        if identity is not None:
            await identity.ready(deployment)

    def sign_out(self, deployment: Deployment) -> None:
        """The provider has refused the credential: the next call obtains a new one."""
        identity = self.identity_of(deployment)
        if identity is not None:
            identity.drop(deployment)
