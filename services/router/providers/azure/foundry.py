"""Azure AI Foundry (`azure_ai/...`): the models that Azure sells beside OpenAI's, at a resource's model API.

Sources: https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/inference (addresses, headers),
https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude (Claude's Messages API)
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

import orjson

from services.router.providers.answers.failures import provider_failure
from services.router.providers.anthropic.hosted import hosted_answer, hosted_messages
from services.router.providers.anthropic.provider import API_VERSION, COUNT, MESSAGES, own_call
from services.router.providers.azure.address import address_of
from services.router.providers.azure.credentials import EntraIdentity, credential_of
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.openai import OpenAIAnswer, outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, REASONING_FIELDS, is_reasoning_model
from services.router.providers.openai.other_calls import other_call
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from shared.errors import GatewayError
from shared.serving.deployments import Deployment

DEFAULT_API_VERSION = "2024-05-01-preview"
KEY_VARIABLES = ("AZURE_AI_API_KEY",)
BASE_VARIABLE = "AZURE_AI_API_BASE"
SCOPE_HINT = "https://NAME.services.ai.azure.com"
_PATHS = {CHAT: "/chat/completions", "aembedding": "/embeddings"}
_OTHERS = ("arerank", "aimage_generation")
"""Of models whose makers' own paths Foundry has, beside the models API."""

IMAGES_API_VERSION = "2025-04-01-preview"
_SERVERLESS = (".models.ai.azure.com", ".inference.ai.azure.com", ".inference.ml.azure.com")
"""Hosts of one deployment each, which want the key as a bearer token."""

_ROUTER = "model_router/"
"""In front of the name of a deployment of Azure's model router, as LiteLLM has it."""


class _Place(NamedTuple):
    base: str
    query: str
    headers: dict[str, str]
    signs_in: bool


class AzureAI(PlainChat, SignsIn):
    name = "azure_ai"

    def __init__(self, environ: Mapping[str, str], identity: EntraIdentity) -> None:
        self._environ = environ
        self._identity = identity
        self._places = Prepared(self._located)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in (CHAT, MESSAGES, COUNT) if _is_claude(deployment) else call_type in (*_PATHS, *_OTHERS)

    def plain(self, deployment: Deployment) -> bool:
        return not _is_claude(deployment)

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._identity if self._places.of(deployment).signs_in else None

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        place = self._places.of(deployment)
        headers = place.headers
        if place.signs_in:
            headers = {**headers, "authorization": f"Bearer {self._identity.of(deployment)}"}
        if _is_claude(deployment) and call.call_type != CHAT:
            return own_call(call, deployment, f"{place.base}/v1/messages", headers)
        if _is_claude(deployment):
            body = hosted_messages(call, deployment, model=deployment.model, version=None)
            body["model"] = deployment.model
            if call.stream:
                body["stream"] = True
            url = f"{place.base}/v1/messages"
            return HttpCall(url, headers, orjson.dumps(body)), hosted_answer(call)
        if call.call_type in _OTHERS:
            return other_call(call, deployment, _own_address(call, deployment, place), headers)
        url = f"{place.base}{_PATHS[call.call_type]}{place.query}"
        if call.call_type != CHAT:
            return other_call(call, deployment, url, headers)
        reasoning = is_reasoning_model(deployment.priced_as)
        sent = outgoing_body(
            call,
            deployment,
            model=deployment.model.removeprefix(_ROUTER),
            max_tokens_fields=REASONING_FIELDS if reasoning else MAX_TOKENS_FIELDS[:1],
            developer_role=reasoning,
        )
        return HttpCall(url, headers, sent), OpenAIAnswer(call.model, include_usage=call.include_usage)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _located(self, deployment: Deployment) -> _Place:
        address = address_of(deployment, self._environ, BASE_VARIABLE, SCOPE_HINT)
        credential = credential_of(deployment, self._environ, self._identity, KEY_VARIABLES)
        base = f"{address.scheme}://{address.netloc}{address.path}".rstrip("/").removesuffix("/chat/completions")
        serverless = address.netloc.endswith(_SERVERLESS)
        own: dict[str, str] = {}
        if credential.token:
            own["authorization"] = f"Bearer {credential.token}"
        elif credential.key and _is_claude(deployment):
            own["x-api-key"] = credential.key
        elif credential.key and serverless:  # a deployment with an address of its own
            own["authorization"] = f"Bearer {credential.key}"
        elif credential.key:
            own["api-key"] = credential.key
        if _is_claude(deployment):
            own["anthropic-version"] = API_VERSION
            root = base.removesuffix("/v1/messages").removesuffix("/anthropic")
            return _Place(f"{root}/anthropic", "", call_headers(deployment, own), credential.signs_in)
        headers = call_headers(deployment, own)
        if base.endswith("/openai/v1"):
            return _Place(base, "", headers, credential.signs_in)
        version = (
            text_or_missing(deployment.api_version, deployment, "api_version")
            or dict(parse_qsl(address.query)).get("api-version")
            or self._environ.get("AZURE_AI_API_VERSION")
            or DEFAULT_API_VERSION
        )
        if serverless:
            return _Place(f"{base.removesuffix('/rerank').removesuffix('/v1')}/v1", "", headers, credential.signs_in)
        query = f"?api-version={quote(version, safe='')}"
        return _Place(f"{base.removesuffix('/models')}/models", query, headers, credential.signs_in)


def _own_address(call: ProviderCall, deployment: Deployment, place: _Place) -> str:
    """Return where a ranking or a picture is asked for.

    Sources: https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-cohere-rerank,
    https://learn.microsoft.com/azure/ai-foundry/foundry-models/how-to/use-foundry-models-flux
    """
    rank = call.call_type == "arerank"
    if not place.query:  # a deployment with an address of its own, or the API without dates
        return f"{place.base}{'/rerank' if rank else '/images/generations'}"
    root = place.base.removesuffix("/models")
    if rank:
        found = re.sub(r"/v[12](/rerank)?$", "", root)
        return f"{found if '/providers/' in found else f'{found}/providers/cohere'}/v2/rerank"
    name = deployment.model
    version = text_or_missing(deployment.api_version, deployment, "api_version")
    if name.lower().startswith("flux.2"):
        path = f"/providers/blackforestlabs/v1/{name.lower().replace('.', '-')}"
        return f"{root}{path}?api-version={quote(version or 'preview', safe='')}"
    path = f"/openai/deployments/{quote(name, safe='')}/images/generations"
    return f"{root}{path}?api-version={quote(version or IMAGES_API_VERSION, safe='')}"


def _is_claude(deployment: Deployment) -> bool:
    return deployment.model.startswith("claude")
