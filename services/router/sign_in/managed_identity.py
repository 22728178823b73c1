"""Tokens of a managed identity: who a machine of Azure is, with no secret at all.

* a virtual machine, a node of Kubernetes     IMDS, Azure's metadata service, at an address of the link
* App Service, Functions, Container Apps      a local address, told by IDENTITY_ENDPOINT and IDENTITY_HEADER

Sources: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token,
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import orjson

from services.router.sign_in.kept import Credential
from shared.errors import ProviderFailed

IMDS = "http://169.254.169.254"
IMDS_VARIABLE = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
IMDS_VERSION = "2018-02-01"
APP_SERVICE_VERSION = "2019-08-01"
TIMEOUT_S = 10.0
LIFETIME_S = 300.0
"""Taken where an answer does not say how long its token holds."""


class Identity(NamedTuple):
    """`client_id` of one that was assigned by a user; None is the machine's own."""

    client_id: str | None
    scope: str


async def managed_token(identity: Identity, environ: Mapping[str, str], name: str, provider: str) -> Credential[str]:
    """Return the token; `name` is the deployment's, for errors.

    Raises:
        ProviderFailed: there is no such identity, or nobody who knows of identities.
    """
    url, headers = _request(identity, environ)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:  # no proxy knows this address
            answer = await client.get(url, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderFailed(
            f"no managed identity could be asked for to sign in '{name}': {error or type(error).__name__}; only a "
            "machine of Azure has one",
            fields={"provider": provider},
        ) from error
    told = _object(answer.content)
    if answer.status_code == 200 and isinstance(told.get("access_token"), str):
        return Credential(told["access_token"], _ends_at(told))
    refused = 400 <= answer.status_code < 500 and answer.status_code not in (404, 410, 429)
    why = told.get("error_description") or told.get("message") or told.get("error") or answer.status_code
    raise ProviderFailed(
        f"Azure refused a token of the managed identity of '{name}': {why}",
        status=401 if refused else 502,
        type="provider_auth_error" if refused else None,
        fields={"provider": provider, "provider_code": told.get("error")},
    )


def _request(identity: Identity, environ: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    query = {"resource": identity.scope.removesuffix("/.default")}
    if identity.client_id:
        query["client_id"] = identity.client_id
    place, header = environ.get("IDENTITY_ENDPOINT"), environ.get("IDENTITY_HEADER")
    if place and header:
        asked = urlencode({"api-version": APP_SERVICE_VERSION, **query})
        return f"{place}?{asked}", {"x-identity-header": header}
    base = environ.get(IMDS_VARIABLE) or IMDS
    asked = urlencode({"api-version": IMDS_VERSION, **query})
    return f"{base.rstrip('/')}/metadata/identity/oauth2/token?{asked}", {"metadata": "true"}


def _object(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _ends_at(told: dict[str, Any]) -> float:
    """Both figures come as text: seconds from now, or since 1970."""
    for name, since in (("expires_in", time.time()), ("expires_on", 0.0)):
        text = str(told.get(name) or "")
        if text.isdigit():
            return since + float(text)
    return time.time() + LIFETIME_S
