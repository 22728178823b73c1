"""Who calls Vertex AI."""

from typing import NamedTuple, Protocol

from shared.serving.deployments import Deployment


class GoogleToken(NamedTuple):
    token: str
    project: str | None  # the credentials' own, where they tell one
    quota_project: str | None  # that is charged for a user's calls


class GoogleIdentity(Protocol):
    """Where the tokens of deployments are kept."""

    async def ready(self, deployment: Deployment) -> None:
        """Have one at hand.

        Raises:
            CredentialMissing, ProviderFailed
        """
        ...

    def of(self, deployment: Deployment) -> GoogleToken: ...

    def drop(self, deployment: Deployment) -> None: ...
