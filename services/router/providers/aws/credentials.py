"""Who signs a call to AWS."""

from typing import NamedTuple, Protocol

from shared.serving.deployments import Deployment


class AwsCredentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None


class AwsIdentity(Protocol):
    """Where the credentials of deployments are kept."""

    async def ready(self, deployment: Deployment) -> None:
        """Have them at hand.

        Raises:
            CredentialMissing, ProviderFailed
        """
        ...

    def of(self, deployment: Deployment) -> AwsCredentials: ...

    def drop(self, deployment: Deployment) -> None: ...
