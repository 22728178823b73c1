"""watsonx.ai behind the router: chat and vectors for a project or a space, with a token of IBM Cloud's IAM."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from services.router.providers.answers.completions import SseEvents
from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.answers.translated_json import TranslatedJson
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import address_or_none, call_headers, key_or_none, sign_in_text
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from services.router.providers.watsonx.request import to_chat
from services.router.providers.watsonx.translate import WatsonxTranslator
from services.router.providers.watsonx.vectors import PATHS, vectors_call
from services.router.sign_in.tokens import Secret, TokenSignIn, ibm_token
from shared.errors import CredentialMissing, GatewayError
from shared.serving.deployments import Deployment

DEFAULT_VERSION = "2024-09-16"
IAM_URL = "https://iam.cloud.ibm.com/identity/token"
KEY_VARIABLES = ("WATSONX_APIKEY", "WATSONX_API_KEY", "WX_API_KEY")
PROJECT_VARIABLES = ("WATSONX_PROJECT_ID", "WX_PROJECT_ID")
SPACE_VARIABLES = ("WATSONX_DEPLOYMENT_SPACE_ID", "WATSONX_SPACE_ID", "WX_SPACE_ID")
_DEPLOYED = "deployment/"


class _Request(NamedTuple):
    url: str  # without what says whether it is a stream
    query: str
    headers: dict[str, str]
    place: dict[str, str]  # model_id, and project_id or space_id


class Watsonx(SignsIn):
    name = "watsonx"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)
        self._sign_in = TokenSignIn(self._secret, ibm_token)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type == CHAT or (call_type in PATHS and not deployment.model.startswith(_DEPLOYED))

    def identity_of(self, deployment: Deployment) -> Identity | None:
        self._requests.of(deployment)  # what is missing is told before anybody is asked for a token
        return self._sign_in if self._given_token(deployment) is None else None

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        self._check(deployment)
        request = self._requests.of(deployment)
        token = self._given_token(deployment) or f"Bearer {self._sign_in.of(deployment)}"
        headers = {**request.headers, "authorization": token}
        if call.call_type != CHAT:
            asked, read = vectors_call(call, deployment)
            url = f"{request.url.removesuffix('/chat')}{PATHS[call.call_type]}{request.query}"
            body = orjson.dumps({**request.place, **asked, **deployment.extra_body})
            return HttpCall(url, headers, body), TranslatedJson(read)
        chat: dict[str, Any] = to_chat(
            chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params
        )
        body = orjson.dumps({**request.place, **chat, **deployment.extra_body})
        url = f"{request.url}{'_stream' if call.stream else ''}{request.query}"
        translator = WatsonxTranslator(call.model, include_usage=call.include_usage)
        return HttpCall(url, headers, body), TranslatedAnswer(SseEvents(), translator)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _check(self, deployment: Deployment) -> None:
        """Raise where a credential is missing, also where nobody signed in before."""
        if self._given_token(deployment) is None:
            self._secret(deployment)

    def _given_token(self, deployment: Deployment) -> str | None:
        """Return the authorization where no key is to be exchanged: a token, or a key of Cloud Pak for Data."""
        zen = sign_in_text(deployment, "zen_api_key") or self._environ.get("WATSONX_ZENAPIKEY")
        if zen:
            return f"ZenApiKey {zen}"
        token = sign_in_text(deployment, "token") or self._environ.get("WATSONX_TOKEN")
        return f"Bearer {token}" if token and key_or_none(deployment, self._environ, *KEY_VARIABLES) is None else None

    def _secret(self, deployment: Deployment) -> Secret:
        key = key_or_none(deployment, self._environ, *KEY_VARIABLES)
        if key is None:
            raise CredentialMissing(
                f"the deployment 'watsonx/{deployment.model}' has no key: set {KEY_VARIABLES[0]} in the gateway's "
                "environment, or api_key in its litellm_params; a token goes into WATSONX_TOKEN",
                param="api_key",
            )
        return Secret(self._environ.get("WATSONX_IAM_URL") or IAM_URL, key)

    def _variable(self, names: tuple[str, ...]) -> str | None:
        return next((self._environ[name] for name in names if self._environ.get(name)), None)

    def _request(self, deployment: Deployment) -> _Request:
        base = address_or_none(deployment, self._environ, "WATSONX_API_BASE", "WATSONX_URL", "WX_URL", "WML_URL")
        if base is None:
            raise CredentialMissing(
                f"the deployment 'watsonx/{deployment.model}' needs an address: set WATSONX_URL in the gateway's "
                "environment, or api_base in its litellm_params (https://us-south.ml.cloud.ibm.com)",
                param="api_base",
            )
        version = deployment.api_version if isinstance(deployment.api_version, str) else DEFAULT_VERSION
        query = f"?version={quote(version, safe='')}"
        headers = call_headers(deployment, {})
        if deployment.model.startswith(_DEPLOYED):
            own = quote(deployment.model.removeprefix(_DEPLOYED), safe="")
            return _Request(f"{base}/ml/v1/deployments/{own}/text/chat", query, headers, {})
        project = sign_in_text(deployment, "project_id") or self._variable(PROJECT_VARIABLES)
        space = sign_in_text(deployment, "space_id") or self._variable(SPACE_VARIABLES)
        if not project and not space:
            raise CredentialMissing(
                f"the deployment 'watsonx/{deployment.model}' has no project: set WATSONX_PROJECT_ID in the gateway's "
                "environment, or project_id (or space_id) in its litellm_params",
                param="project_id",
            )
        place = {"project_id": project} if project else {"space_id": space or ""}
        return _Request(f"{base}/ml/v1/text/chat", query, headers, {"model_id": deployment.model, **place})
