"""Ollama behind the router, by its own protocol: chat, and embeddings."""

import time
from collections.abc import Mapping

import orjson

from services.router.providers.answers.completions import Completions
from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import address_or_none, call_headers, key_or_none
from services.router.providers.ollama.embed import embed_call
from services.router.providers.ollama.lines import JsonLines
from services.router.providers.ollama.request import to_chat
from services.router.providers.ollama.translate import OllamaTranslator
from services.router.providers.prepared import Prepared
from shared.errors import GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment

BASE = "http://localhost:11434"


class Ollama:
    name = "ollama"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # base URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in (CHAT, "aembedding")

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        base, headers = self._requests.of(deployment)
        if call.call_type == "aembedding":
            return embed_call(call, deployment, base, headers)
        request = to_chat(chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params)
        body = orjson.dumps(request | dict(deployment.extra_body))
        out = Completions(call.model, int(time.time()), new_id("chatcmpl"))
        translator = OllamaTranslator(out, include_usage=call.include_usage)
        return HttpCall(f"{base}/api/chat", headers, body), TranslatedAnswer(JsonLines(), translator)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        return self._requests.of(deployment)

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = key_or_none(deployment, self._environ, "OLLAMA_API_KEY")
        base = address_or_none(deployment, self._environ, "OLLAMA_API_BASE") or BASE
        for ending in ("/v1", "/api/chat", "/api/embed", "/api/generate", "/api"):  # as LiteLLM's users write it
            base = base.removesuffix(ending)
        return base, call_headers(deployment, {"authorization": f"Bearer {key}"} if key else {})
