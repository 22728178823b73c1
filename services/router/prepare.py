"""The request that a provider gets for a call: as it is, where the provider serves such calls, else translated."""

from services.router.providers.base import AnswerReader, HttpCall, Provider, ProviderCall
from services.router.providers.rejection import Rejected
from shared.deployments import Deployment


class Unserved(Rejected):
    """The provider has no such endpoint; another deployment may be of one that has."""

    def __init__(self, call: ProviderCall, deployment: Deployment) -> None:
        super().__init__(
            f"the deployment '{deployment.provider}/{deployment.model}' does not serve calls of the type "
            f"{call.call_type}; ask for a model of a provider that does",
            "model",
        )


def prepared(provider: Provider, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
    """Return the request to send, and the reader of its answer, which speaks the client's dialect.

    Raises:
        Unserved: the provider has nothing of the kind.
        CredentialMissing, Rejected: as Provider.prepare.
    """
    if provider.serves(call.call_type, deployment):
        return provider.prepare(call, deployment)
    raise Unserved(call, deployment)
