"""Who calls Azure: a key, a token that is given, or a token that Entra ID gives out."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from services.router.providers.credentials import sign_in_text, text_or_missing
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment


class EntraIdentity(Protocol):
    """Where the tokens of deployments are kept."""

    def claims(self, deployment: Deployment) -> bool:
        """Return whether anything says how to sign in."""
        ...

    async def ready(self, deployment: Deployment) -> None:
        """Have a token at hand.

        Raises:
            CredentialMissing, ProviderFailed
        """
        ...

    def of(self, deployment: Deployment) -> str: ...

    def drop(self, deployment: Deployment) -> None: ...


class AzureCredential(NamedTuple):
    """`key` or `token`; neither where Entra ID gives out tokens."""

    key: str | None
    token: str | None

    @property
    def signs_in(self) -> bool:
        return self.key is None and self.token is None


def credential_of(
    deployment: Deployment, environ: Mapping[str, str], identity: EntraIdentity, variables: tuple[str, ...]
) -> AzureCredential:
    """Return the deployment's own credential, else the environment's; a key goes before a token.

    Raises:
        CredentialMissing: there is none; `variables` may have the key.
    """
    key = text_or_missing(deployment.api_key, deployment, "api_key")
    token = sign_in_text(deployment, "azure_ad_token")
    if key or token:
        return AzureCredential(key, None if key else token)
    if any(deployment.sign_in.get(name) for name in _SIGNING_IN):
        if identity.claims(deployment):
            return AzureCredential(None, None)
        raise CredentialMissing(
            f"the deployment '{deployment.provider}/{deployment.model}' signs in at Entra ID, but not all is set: "
            "tenant_id and client_id in its litellm_params, or AZURE_TENANT_ID and AZURE_CLIENT_ID in the environment",
            param="tenant_id",
        )
    key = next((environ[name] for name in variables if environ.get(name)), None)
    token = environ.get("AZURE_AD_TOKEN") or None
    if key or token or identity.claims(deployment):
        return AzureCredential(key, None if key else token)
    raise CredentialMissing(
        f"the deployment '{deployment.provider}/{deployment.model}' has no api_key: set {variables[-1]} in the "
        "gateway's environment, or api_key in its litellm_params; or let it sign in at Entra ID with tenant_id, "
        "client_id and client_secret, or as the machine it runs on with azure_managed_identity",
        param="api_key",
    )


_SIGNING_IN = ("tenant_id", "client_id", "client_secret", "azure_certificate_path", "azure_managed_identity")
