"""Azure OpenAI: OpenAI's bodies under Azure's addresses, with the key in `api-key`.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.failures import provider_failure
from services.router.providers.openai import OpenAIAnswer, max_tokens_fields, outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS
from services.router.providers.openai.other_calls import other_call
from services.router.providers.openai.paths import PATHS
from services.router.providers.openai.plain_chat import extras_of
from services.router.providers.prepared import Prepared
from shared.deployments import Deployment
from shared.errors import CredentialMissing, GatewayError

DEFAULT_API_VERSION = "2024-10-21"


V1_VERSIONS = {"v1", "latest", "preview"}
"""Values of api_version that mean the API without dated versions."""

STREAM_USAGE_SINCE = "2024-09-01"
"""Dated versions before it refuse stream_options and max_completion_tokens.
https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"""


class _Request(NamedTuple):
    """The URL is `base`, the path of the call, and `query`."""

    base: str
    query: str
    headers: dict[str, str]
    max_tokens_fields: tuple[str, ...]
    stream_usage: bool


class Azure(PlainChat):
    name = "azure"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in PATHS

    def takes(self, deployment: Deployment) -> frozenset[str]:
        return extras_of(self.name, deployment.priced_as)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        request = self._requests.of(deployment)
        url = f"{request.base}{PATHS[call.call_type]}{request.query}"
        if call.call_type != CHAT:
            return other_call(call, deployment, url, request.headers)
        body = outgoing_body(
            call,
            model=deployment.model,
            max_tokens_fields=request.max_tokens_fields,
            stream_usage=request.stream_usage and b'"data_sources"' not in call.body,  # it refuses both together
            defaults=deployment.defaults,
            extra=deployment.extra_body,
            drop=deployment.drop_always,
        )
        return HttpCall(url, request.headers, body), OpenAIAnswer(call.model, include_usage=call.include_usage)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        request = self._requests.of(deployment)
        return request.base.partition("/openai")[0], request.headers

    def _request(self, deployment: Deployment) -> "_Request":
        address = self._address(deployment)
        key = self._setting(deployment, "api_key", "AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
        version = (
            text_or_missing(deployment.api_version, deployment, "api_version")
            or dict(parse_qsl(address.query)).get("api-version")  # of an address copied from Azure's portal
            or self._environ.get("AZURE_API_VERSION")
            or DEFAULT_API_VERSION
        )
        base = f"{address.scheme}://{address.netloc}{address.path}".rstrip("/").removesuffix("/chat/completions")
        headers = call_headers(deployment, {"api-key": key})
        if base.endswith("/openai/v1") or version in V1_VERSIONS:
            # The v1 API takes the deployment's name as the model.
            v1 = f"{base.removesuffix('/openai/v1')}/openai/v1"
            return _Request(v1, "", headers, max_tokens_fields(deployment.priced_as), True)
        if "/openai/deployments/" not in base:
            base = f"{base.removesuffix('/openai')}/openai/deployments/{quote(deployment.model, safe='')}"
        query = f"?api-version={quote(version, safe='')}"
        if version < STREAM_USAGE_SINCE:
            return _Request(base, query, headers, MAX_TOKENS_FIELDS[:1], False)
        return _Request(base, query, headers, max_tokens_fields(deployment.priced_as), True)

    def _address(self, deployment: Deployment) -> SplitResult:
        base = self._setting(deployment, "api_base", "AZURE_API_BASE")
        try:
            address = urlsplit(base.strip())
        except ValueError:
            address = urlsplit("")
        if address.scheme not in ("http", "https") or not address.netloc:
            raise CredentialMissing(
                f"the api_base of the deployment 'azure/{deployment.model}' is {base!r}; it must be an address such as "
                "https://NAME.openai.azure.com",
                param="api_base",
            )
        return address

    def _setting(self, deployment: Deployment, setting: str, *variables: str) -> str:
        value = text_or_missing(getattr(deployment, setting), deployment, setting)
        value = value or next((self._environ[name] for name in variables if self._environ.get(name)), None)
        if not value:
            raise CredentialMissing(
                f"the deployment 'azure/{deployment.model}' has no {setting}: set {variables[-1]} in the gateway's "
                f"environment, or {setting} in its litellm_params",
                param=setting,
            )
        return value
