"""Databricks: OpenAI's bodies at a workspace's address, with a token, or one got for a service principal.

Sources: https://docs.databricks.com/aws/en/machine-learning/model-serving/query-chat-models,
https://docs.databricks.com/aws/en/dev-tools/auth/oauth-m2m
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from services.router.providers.answers.completions import SseEvents
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.content_parts import PartsTranslator
from services.router.providers.compatible import CompatibleProvider
from services.router.providers.credentials import address_or_none, key_or_none, sign_in_text
from services.router.providers.databricks.thoughts import with_thoughts
from services.router.providers.openai.provider import OpenAICompatible
from services.router.providers.signing_in import Identity, SignsIn
from services.router.sign_in.tokens import Secret, TokenSignIn, databricks_token
from shared.errors import CredentialMissing
from shared.serving.deployments import Deployment

ENDPOINTS = "/serving-endpoints"


class Databricks(OpenAICompatible, SignsIn):
    def __init__(self, row: CompatibleProvider, environ: Mapping[str, str]) -> None:
        super().__init__(row, environ)
        self._sign_in = TokenSignIn(self._secret, databricks_token)

    def takes(self, deployment: Deployment) -> frozenset[str]:
        return frozenset({"thinking_blocks"}) if _thinks(deployment) else frozenset()

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._sign_in if self._is_principal(deployment) else None

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        thinks = call.call_type == CHAT and _thinks(deployment)
        request, reader = super().prepare(with_thoughts(call) if thinks else call, deployment)
        if thinks:  # then its content has parts
            reader = TranslatedAnswer(SseEvents(), PartsTranslator(call.model, include_usage=call.include_usage))
        return request._replace(headers=self._signed(request.headers, deployment)), reader

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        base, headers = super().origin(deployment)
        return base, self._signed(headers, deployment)

    def _signed(self, headers: dict[str, str], deployment: Deployment) -> dict[str, str]:
        if not self._is_principal(deployment):
            return headers
        self._secret(deployment)
        return {**headers, "authorization": f"Bearer {self._sign_in.of(deployment)}"}

    def key_of(self, deployment: Deployment) -> str | None:
        """A service principal's token is put in with every call: it changes."""
        return "" if self._is_principal(deployment) else super().key_of(deployment)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        """A workspace's address alone, as DATABRICKS_HOST has it, is where its endpoints are."""
        base, headers = super()._request(deployment)
        return (base + ENDPOINTS if urlsplit(base).path == "" else base), headers

    def _is_principal(self, deployment: Deployment) -> bool:
        if key_or_none(deployment, self._environ, *self._row.key_env) is not None:
            return False
        return bool(self._principal(deployment)[0])

    def _principal(self, deployment: Deployment) -> tuple[str | None, str | None]:
        user = sign_in_text(deployment, "client_id") or self._environ.get("DATABRICKS_CLIENT_ID")
        secret = sign_in_text(deployment, "client_secret") or self._environ.get("DATABRICKS_CLIENT_SECRET")
        return user, secret

    def _secret(self, deployment: Deployment) -> Secret:
        user, secret = self._principal(deployment)
        base = address_or_none(deployment, self._environ, *self._row.base_url_env)
        if base is None or not user or not secret:
            missing = "DATABRICKS_API_BASE" if base is None else "DATABRICKS_CLIENT_SECRET"
            raise CredentialMissing(
                f"the deployment 'databricks/{deployment.model}' cannot sign in as a service principal: set {missing} "
                "in the gateway's environment, or client_id, client_secret and api_base in its litellm_params",
                param="api_base" if base is None else "client_secret",
            )
        workspace = urlsplit(base)
        return Secret(f"{workspace.scheme}://{workspace.netloc}/oidc/v1/token", secret, user)


def _thinks(deployment: Deployment) -> bool:
    """Whether the model may answer in parts, thoughts among them."""
    return "claude" in deployment.model
