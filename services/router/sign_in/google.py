"""Google's access tokens, by google-auth: service accounts, default credentials, federated and impersonated identities.

google-auth blocks, so it works in a thread; its calls take the same proxies and authorities as the router's own.
Source: https://cloud.google.com/docs/authentication/application-default-credentials
"""

import asyncio
import warnings
from collections.abc import Hashable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
import orjson

from services.router.providers.credentials import text_or_missing
from services.router.providers.vertex.token import GoogleToken
from services.router.sign_in.kept import Credential, Kept
from shared.errors import CredentialMissing, ProviderFailed
from shared.serving.deployments import Deployment

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_S = 10.0
VARIABLES = ("VERTEXAI_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS")


class GoogleSignIn:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._kept: Kept[GoogleToken] = Kept(self._obtain, self._identity)

    async def ready(self, deployment: Deployment) -> None:
        await self._kept.ready(deployment)

    def of(self, deployment: Deployment) -> GoogleToken:
        return self._kept.of(deployment)

    def drop(self, deployment: Deployment) -> None:
        self._kept.drop(deployment)

    def _identity(self, deployment: Deployment) -> Hashable:
        given = deployment.sign_in.get("vertex_credentials")
        if isinstance(given, dict):
            return orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
        return text_or_missing(given, deployment, "vertex_credentials")

    async def _obtain(self, deployment: Deployment) -> Credential[GoogleToken]:
        return await asyncio.to_thread(self._token, deployment)

    def _token(self, deployment: Deployment) -> Credential[GoogleToken]:
        """Blocks.

        Raises:
            CredentialMissing, ProviderFailed
        """
        import google.auth
        from google.auth.exceptions import (
            DefaultCredentialsError,
            GoogleAuthError,
            MalformedError,
            RefreshError,
            TransportError,
        )

        from services.router.sign_in.google_transport import HttpxRequest

        name = f"{deployment.provider}/{deployment.model}"
        info = self._info(deployment)
        with httpx.Client(timeout=TIMEOUT_S) as client:
            request = HttpxRequest(client)
            try:
                if info is not None:
                    credentials, project = _loaded(info, request)
                else:
                    credentials, project = google.auth.default(scopes=[SCOPE], request=request)
                credentials.refresh(request)
            except (DefaultCredentialsError, MalformedError, ValueError) as error:
                raise CredentialMissing(
                    f"the deployment '{name}' cannot sign in at Google Cloud: {error}; set vertex_credentials in its "
                    f"litellm_params, or {VARIABLES[1]} in the gateway's environment, to a service account's JSON file",
                    param="vertex_credentials",
                ) from error
            except TransportError as error:
                raise ProviderFailed(
                    f"Google's sign-in for '{name}' could not be reached: {error}", fields={"provider": "vertex_ai"}
                ) from error
            except (RefreshError, GoogleAuthError) as error:
                raise ProviderFailed(
                    f"Google refused to sign in '{name}': {error.args[0] if error.args else error}",
                    status=401,
                    type="provider_auth_error",
                    fields={"provider": "vertex_ai"},
                ) from error
        ends = credentials.expiry.replace(tzinfo=UTC).timestamp() if credentials.expiry is not None else None
        project = project or getattr(credentials, "project_id", None)
        return Credential(GoogleToken(credentials.token, project, credentials.quota_project_id), ends)

    def _info(self, deployment: Deployment) -> dict[str, Any] | None:
        """Return the JSON of the credentials that are given, None where Google's usual places are to be looked at."""
        given = deployment.sign_in.get("vertex_credentials")
        if isinstance(given, dict):
            return given
        text = text_or_missing(given, deployment, "vertex_credentials")
        text = text or next((self._environ[name] for name in VARIABLES if self._environ.get(name)), None)
        if text is None:
            return None
        name = f"{deployment.provider}/{deployment.model}"
        try:
            info = orjson.loads(text if text.lstrip().startswith("{") else Path(text).read_bytes())
        except OSError as error:
            raise CredentialMissing(
                f"the deployment '{name}' cannot sign in at Google Cloud: its credentials cannot be read: {error}",
                param="vertex_credentials",
            ) from error
        except orjson.JSONDecodeError as error:
            raise CredentialMissing(
                f"the deployment '{name}' cannot sign in at Google Cloud: its credentials are no JSON: {error}",
                param="vertex_credentials",
            ) from error
        if not isinstance(info, dict):
            raise CredentialMissing(
                f"the deployment '{name}' cannot sign in at Google Cloud: its credentials are no JSON object",
                param="vertex_credentials",
            )
        return info


def _loaded(info: dict[str, Any], request: Any) -> tuple[Any, str | None]:
    """Return google-auth's credentials and their project; `info` is the operator's own."""
    import google.auth
    from google.oauth2 import credentials, service_account

    of_service: Any = service_account.Credentials
    of_user: Any = credentials.Credentials
    kind = info.get("type")
    if kind == "service_account":
        return of_service.from_service_account_info(info, scopes=[SCOPE]), info.get("project_id")
    if kind == "authorized_user":
        return of_user.from_authorized_user_info(info, scopes=[SCOPE]), info.get("quota_project_id")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of credentials that come from strangers
        load: Any = google.auth.load_credentials_from_dict
        loaded: tuple[Any, str | None] = load(info, scopes=[SCOPE], request=request)
    return loaded
