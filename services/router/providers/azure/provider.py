"""Azure OpenAI: OpenAI's bodies under Azure's addresses, with a key in `api-key` or a token of Entra ID.

Source: https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from services.router.providers.answers.failures import provider_failure
from services.router.providers.azure.address import address_of
from services.router.providers.azure.credentials import EntraIdentity, credential_of
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.keeping import Keeping
from services.router.providers.openai import OpenAIAnswer, max_tokens_fields, outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, REASONING_FIELDS
from services.router.providers.openai.other_calls import other_call
from services.router.providers.openai.paths import PATHS
from services.router.providers.openai.plain_chat import extras_of
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from services.router.providers.speaking import SocketCall, SpeaksRealtime, socket_address, socket_headers
from shared.errors import CredentialMissing, GatewayError
from shared.serving.deployments import Deployment

KEY_VARIABLES = ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")
DEFAULT_API_VERSION = "2024-10-21"


V1_VERSIONS = {"v1", "latest", "preview"}
"""Values of api_version that mean the API without dated versions."""

STREAM_USAGE_SINCE = "2024-09-01"
"""Dated versions before it refuse stream_options and max_completion_tokens.
https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"""

_ROUTES = re.compile("(?:o_series|gpt5_series|responses)/")
"""What LiteLLM has in front of a deployment's name, which says nothing of its model."""


_NOT_THERE = ("amoderation", "arerank")
"""Azure OpenAI has neither: its filter stands in front of every model, and other makers' models are Foundry's."""


class _Request(NamedTuple):
    """The URL is `base`, the path of the call, and `query`."""

    base: str
    query: str
    headers: dict[str, str]
    max_tokens_fields: tuple[str, ...]
    stream_usage: bool
    signs_in: bool  # the headers still need a token


class Azure(PlainChat, SignsIn, SpeaksRealtime):
    name = "azure"

    def __init__(self, environ: Mapping[str, str], identity: EntraIdentity) -> None:
        self._environ = environ
        self._identity = identity
        self._requests = Prepared(self._request)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type == "aresponses":
            try:
                return not self._requests.of(deployment).query  # dated versions have it elsewhere, and not all of it
            except CredentialMissing:
                return False  # a chat will say what is missing
        return call_type in PATHS and call_type not in _NOT_THERE

    def takes(self, deployment: Deployment) -> frozenset[str]:
        return extras_of(self.name, deployment.priced_as)

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._identity if self._requests.of(deployment).signs_in else None

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        request = self._requests.of(deployment)
        url = f"{request.base}{PATHS[call.call_type]}{request.query}"
        headers = self._signed(request, deployment)
        if call.call_type != CHAT:
            return other_call(call, deployment, url, headers)
        body = outgoing_body(
            call,
            deployment,
            model=_name_of(deployment),
            max_tokens_fields=request.max_tokens_fields,
            stream_usage=request.stream_usage and b'"data_sources"' not in call.body,  # it refuses both together
        )
        return HttpCall(url, headers, body), OpenAIAnswer(call.model, include_usage=call.include_usage)

    def realtime(self, deployment: Deployment) -> SocketCall:
        """Under a dated version that is configured, else in the API without dates, which alone has all of it.

        https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets
        """
        request = self._requests.of(deployment)
        headers = socket_headers(self._signed(request, deployment))
        origin = socket_address(request.base.partition("/openai")[0])
        name = quote(_name_of(deployment), safe="")
        version = dict(parse_qsl(request.query.removeprefix("?"))).get("api-version", "")
        if version in ("", *V1_VERSIONS, DEFAULT_API_VERSION):
            return SocketCall(f"{origin}/openai/v1/realtime?model={name}", headers)
        return SocketCall(f"{origin}/openai/realtime?api-version={quote(version)}&deployment={name}", headers)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def keeping(self, deployment: Deployment) -> Keeping | None:
        """Dated versions have files and batches beside the deployments, not below one."""
        request = self._requests.of(deployment)
        headers = self._signed(request, deployment)
        return Keeping(request.base.partition("/deployments/")[0], request.query, headers)

    def batch_url(self, call_type: str) -> str:
        """Source: https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch"""
        return f"/v1{PATHS[call_type]}" if call_type == "aresponses" else PATHS[call_type]

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        request = self._requests.of(deployment)
        return request.base.partition("/openai")[0], self._signed(request, deployment)

    def _signed(self, request: "_Request", deployment: Deployment) -> dict[str, str]:
        """Return the headers with the token where Entra ID gives it out: it changes."""
        if not request.signs_in:
            return request.headers
        return {**request.headers, "authorization": f"Bearer {self._identity.of(deployment)}"}

    def _request(self, deployment: Deployment) -> "_Request":
        address = address_of(deployment, self._environ, "AZURE_API_BASE", "https://NAME.openai.azure.com")
        credential = credential_of(deployment, self._environ, self._identity, KEY_VARIABLES)
        version = (
            text_or_missing(deployment.api_version, deployment, "api_version")
            or dict(parse_qsl(address.query)).get("api-version")  # of an address copied from Azure's portal
            or self._environ.get("AZURE_API_VERSION")
            or DEFAULT_API_VERSION
        )
        base = f"{address.scheme}://{address.netloc}{address.path}".rstrip("/").removesuffix("/chat/completions")
        own = {"api-key": credential.key} if credential.key else {}
        if credential.token:
            own["authorization"] = f"Bearer {credential.token}"
        headers, signs_in = call_headers(deployment, own), credential.signs_in
        fields = max_tokens_fields(deployment.priced_as)
        if _reasons_by_name(deployment):
            fields = REASONING_FIELDS
        if base.endswith("/openai/v1") or version in V1_VERSIONS:
            # The v1 API takes the deployment's name as the model.
            v1 = f"{base.removesuffix('/openai/v1')}/openai/v1"
            return _Request(v1, "?api-version=preview" if version == "preview" else "", headers, fields, True, signs_in)
        if "/openai/deployments/" not in base:
            base = f"{base.removesuffix('/openai')}/openai/deployments/{quote(_name_of(deployment), safe='')}"
        query = f"?api-version={quote(version, safe='')}"
        if version < STREAM_USAGE_SINCE:
            return _Request(base, query, headers, MAX_TOKENS_FIELDS[:1], False, signs_in)
        return _Request(base, query, headers, fields, True, signs_in)


def _name_of(deployment: Deployment) -> str:
    """Return the name that the deployment has at Azure."""
    route = _ROUTES.match(deployment.model)
    return deployment.model[route.end() :] if route is not None else deployment.model


def _reasons_by_name(deployment: Deployment) -> bool:
    return deployment.model.startswith(("o_series/", "gpt5_series/"))
