"""Cohere behind the router, by its v2 API: chat, embeddings and rankings."""

import time
from collections.abc import Mapping

import orjson

from services.router.providers.answers.completions import Completions, SseEvents
from services.router.providers.answers.failures import provider_failure, reported_failure
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.cohere.request import to_chat
from services.router.providers.cohere.translate import CohereTranslator
from services.router.providers.cohere.vectors import embed_call, rerank_call
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.prepared import Prepared
from shared.errors import GatewayError
from shared.serving.deployments import Deployment

BASE = "https://api.cohere.com"
_BLOCKED = 498
"""A prompt or an answer has what their safety rules forbid. https://docs.cohere.com/reference/errors"""

KEY_VARIABLES = ("COHERE_API_KEY", "CO_API_KEY")


class Cohere:
    name = "cohere"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in (CHAT, "aembedding", "arerank")

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        base, headers = self._requests.of(deployment)
        if call.call_type == "aembedding":
            return embed_call(call, deployment, base, headers)
        if call.call_type == "arerank":
            return rerank_call(call, deployment, base, headers)
        request = to_chat(chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params)
        body = orjson.dumps(request | dict(deployment.extra_body))
        translator = CohereTranslator(Completions(call.model, int(time.time())), include_usage=call.include_usage)
        return HttpCall(f"{base}/v2/chat", headers, body), TranslatedAnswer(SseEvents(), translator)

    def failure(self, status: int, body: bytes) -> GatewayError:
        failure = provider_failure(self.name, status, body)
        if status != _BLOCKED:
            return failure
        return reported_failure(self.name, 400, failure.message.partition(": ")[2], "content_filter")

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        return self._requests.of(deployment)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = needed_key(deployment, self._environ, *KEY_VARIABLES)
        base = address_or_none(deployment, self._environ, "COHERE_API_BASE") or BASE
        # As LiteLLM takes it, an address may have the path that it ends with.
        for ending in (
            "/v2/chat",
            "/v1/chat",
            "/v2/embed",
            "/v1/embed",
            "/v2/rerank",
            "/v1/rerank",
            "/v2",
            "/v1",
            "/compatibility",
        ):
            base = base.removesuffix(ending)
        return base, call_headers(deployment, {"authorization": f"Bearer {key}"})
