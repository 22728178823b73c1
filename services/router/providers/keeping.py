"""Providers that keep files and batches, in OpenAI's form."""

from typing import NamedTuple, Protocol, runtime_checkable

from shared.serving.deployments import Deployment


class Keeping(NamedTuple):
    """Where a deployment's files and batches are: their paths stand between `base` and `query`."""

    base: str
    query: str
    headers: dict[str, str]


@runtime_checkable
class KeepsObjects(Protocol):
    """A provider that has files and batches in OpenAI's form."""

    def keeping(self, deployment: Deployment) -> Keeping | None:
        """Return where, None where it has none.

        Raises:
            CredentialMissing
        """
        ...

    def batch_url(self, call_type: str) -> str:
        """Return the URL by which a batch asks for calls of a type."""
        ...
