"""The address of an Azure resource, as the configuration or the environment has it."""

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from services.router.providers.credentials import text_or_missing
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment


def address_of(deployment: Deployment, environ: Mapping[str, str], variable: str, example: str) -> SplitResult:
    """Return the parts of api_base.

    Raises:
        CredentialMissing: there is none, or it is no address.
    """
    name = f"{deployment.provider}/{deployment.model}"
    base = text_or_missing(deployment.api_base, deployment, "api_base") or environ.get(variable)
    if not base:
        raise CredentialMissing(
            f"the deployment '{name}' has no api_base: set {variable} in the gateway's environment, or api_base in its "
            "litellm_params",
            param="api_base",
        )
    try:
        address = urlsplit(base.strip())
    except ValueError:
        address = urlsplit("")
    if address.scheme not in ("http", "https") or not address.netloc:
        raise CredentialMissing(
            f"the api_base of the deployment '{name}' is {base!r}; it must be an address such as {example}",
            param="api_base",
        )
    return address
