"""Tokens of Microsoft's Entra ID for Azure's AI services, by the OAuth flows that need no browser.

* an application's secret           tenant_id, client_id, client_secret
* an application's certificate      azure_certificate_path, azure_certificate_password in place of the secret
* an application and a user         azure_username, azure_password besides
* a federated identity's file       AZURE_FEDERATED_TOKEN_FILE, as Kubernetes' workload identity sets it
* a machine's managed identity      azure_managed_identity, and client_id where a user assigned it

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import asyncio
import time
from collections.abc import Hashable, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import orjson

from services.router.providers.credentials import sign_in_text
from services.router.sign_in.entra_certificate import BadCertificate, signed_statement
from services.router.sign_in.kept import Credential, Kept
from services.router.sign_in.managed_identity import Identity, managed_token
from shared.errors import CredentialMissing, ProviderFailed
from shared.serving.deployments import Deployment

AUTHORITY = "https://login.microsoftonline.com"
SCOPE = "https://cognitiveservices.azure.com/.default"
TIMEOUT_S = 10.0

_VARIABLES = {
    "tenant_id": ("AZURE_TENANT_ID",),
    "client_id": ("AZURE_CLIENT_ID",),
    "client_secret": ("AZURE_CLIENT_SECRET",),
    "azure_username": ("AZURE_USERNAME",),
    "azure_password": ("AZURE_PASSWORD",),
    "azure_scope": ("AZURE_SCOPE",),
    "azure_certificate_path": ("AZURE_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"),
    "azure_certificate_password": ("AZURE_CERTIFICATE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
}
_FEDERATED_FILE = "AZURE_FEDERATED_TOKEN_FILE"
_PROOFS = ("client_secret", "azure_certificate_path", "azure_password")


class EntraSignIn:
    """`claims` tells whether anything says how to sign in; the other methods are for deployments of which it does."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._kept: Kept[str] = Kept(self._obtain, self._identity)

    async def ready(self, deployment: Deployment) -> None:
        await self._kept.ready(deployment)

    def of(self, deployment: Deployment) -> str:
        return self._kept.of(deployment)

    def drop(self, deployment: Deployment) -> None:
        self._kept.drop(deployment)

    def claims(self, deployment: Deployment) -> bool:
        return self._is_managed(deployment) or bool(
            self._text(deployment, "tenant_id") and self._text(deployment, "client_id")
        )

    def _identity(self, deployment: Deployment) -> Hashable:
        return self._is_managed(deployment), *(self._text(deployment, name) for name in _VARIABLES)

    def _is_managed(self, deployment: Deployment) -> bool:
        """Whether the machine itself signs in: as configured, else as AZURE_CREDENTIAL names azure-identity's class."""
        given = deployment.sign_in.get("azure_managed_identity")
        if given is not None:
            return bool(given)
        if any(sign_in_text(deployment, name) for name in ("tenant_id", *_PROOFS)):
            return False
        named = self._environ.get("AZURE_CREDENTIAL")
        others = self._environ.get(_FEDERATED_FILE) or any(self._text(deployment, name) for name in _PROOFS)
        return named == "ManagedIdentityCredential" or (named == "DefaultAzureCredential" and not others)

    async def _obtain(self, deployment: Deployment) -> Credential[str]:
        name = f"{deployment.provider}/{deployment.model}"
        if self._is_managed(deployment):
            scope = self._text(deployment, "azure_scope") or SCOPE
            identity = Identity(self._text(deployment, "client_id"), scope)
            return await managed_token(identity, self._environ, name, deployment.provider)
        tenant = self._text(deployment, "tenant_id") or ""
        authority = self._environ.get("AZURE_AUTHORITY_HOST") or AUTHORITY
        url = f"{authority.rstrip('/')}/{quote(tenant, safe='')}/oauth2/v2.0/token"
        form = await asyncio.to_thread(self._form, deployment, url)
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
                answer = await client.post(url, data=form)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderFailed(
                f"Entra ID could not be reached to sign in '{name}': {error or type(error).__name__}",
                fields={"provider": deployment.provider},
            ) from error
        return _token(answer, name, deployment.provider)

    def _form(self, deployment: Deployment, url: str) -> dict[str, str]:
        form = {
            "client_id": self._text(deployment, "client_id") or "",
            "scope": self._text(deployment, "azure_scope") or SCOPE,
        }
        user, password = self._text(deployment, "azure_username"), self._text(deployment, "azure_password")
        secret = self._secret(deployment)
        if secret:
            form["client_secret"] = secret
        if user and password:
            return {**form, "grant_type": "password", "username": user, "password": password}
        form["grant_type"] = "client_credentials"
        if not secret:
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            form["client_assertion"] = self._statement(deployment, url) or self._federated_token(deployment)
        return form

    def _secret(self, deployment: Deployment) -> str | None:
        """The deployment's certificate goes before the environment's secret."""
        if sign_in_text(deployment, "azure_certificate_path"):
            return sign_in_text(deployment, "client_secret")
        return self._text(deployment, "client_secret")

    def _statement(self, deployment: Deployment, url: str) -> str | None:
        path = self._text(deployment, "azure_certificate_path")
        if path is None:
            return None
        password = self._text(deployment, "azure_certificate_password")
        try:
            return signed_statement(
                path, password, self._text(deployment, "client_id") or "", url, now=int(time.time())
            )
        except BadCertificate as error:
            raise CredentialMissing(
                f"the deployment '{deployment.provider}/{deployment.model}' cannot sign in at Entra ID: the "
                f"certificate {path} {error}",
                param="azure_certificate_path",
            ) from error

    def _federated_token(self, deployment: Deployment) -> str:
        path = self._environ.get(_FEDERATED_FILE)
        name = f"{deployment.provider}/{deployment.model}"
        if not path:
            raise CredentialMissing(
                f"the deployment '{name}' cannot sign in at Entra ID: set client_secret, azure_certificate_path or "
                "azure_managed_identity in its litellm_params, or AZURE_CLIENT_SECRET, AZURE_CERTIFICATE_PATH or "
                "AZURE_FEDERATED_TOKEN_FILE in the gateway's environment",
                param="client_secret",
            )
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise CredentialMissing(
                f"the deployment '{name}' cannot sign in at Entra ID: its AZURE_FEDERATED_TOKEN_FILE cannot be read: "
                f"{error}"
            ) from error

    def _text(self, deployment: Deployment, name: str) -> str | None:
        given = sign_in_text(deployment, name)
        return given or next((self._environ[each] for each in _VARIABLES[name] if self._environ.get(each)), None)


def _token(answer: httpx.Response, name: str, provider: str) -> Credential[str]:
    try:
        told = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        told = {}
    token = told.get("access_token") if isinstance(told, dict) else None
    if answer.status_code == 200 and isinstance(token, str):
        seconds = told.get("expires_in")
        return Credential(token, time.time() + (float(seconds) if isinstance(seconds, int | float) else 300.0))
    why = (told.get("error_description") or told.get("error")) if isinstance(told, dict) else None
    refused = 400 <= answer.status_code < 500 and answer.status_code != 429
    raise ProviderFailed(
        f"Entra ID refused to sign in '{name}': {why or answer.status_code}",
        status=401 if refused else 502,
        type="provider_auth_error" if refused else None,
        fields={"provider": provider, "provider_code": told.get("error") if isinstance(told, dict) else None},
    )
