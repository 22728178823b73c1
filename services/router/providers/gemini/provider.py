"""Google AI Studio behind the router: chat completions sent as generateContent, its answers read back."""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson

from services.router.providers.answers.sse import SseParser
from services.router.providers.answers.translated_answer import Framing, TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.embeddings import EMBEDDING, EmbeddingAnswer, embedding_body
from services.router.providers.gemini.answers.stream import GeminiTranslator
from services.router.providers.gemini.embeddings import batch_request, batch_vectors
from services.router.providers.gemini.failures import failure_of
from services.router.providers.gemini.images import EDIT, GENERATION, image_call, makes_images
from services.router.providers.gemini.native import (
    COUNT,
    EMBED,
    GENERATE,
    EmbedAnswer,
    native_body,
    native_embedding,
    native_method,
    native_reader,
)
from services.router.providers.gemini.requests.request import joined, to_generate_content
from services.router.providers.json_body import json_body
from services.router.providers.prepared import Prepared
from shared.errors import CredentialMissing, GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment
from shared.usage.gemini_searches import bills_queries

DEFAULT_BASE = "https://generativelanguage.googleapis.com"
DEFAULT_VERSION = "v1beta"
KEY_VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY")


class Gemini:
    name = "gemini"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # the model's URL, and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type in (GENERATION, EDIT):
            return makes_images(deployment.model)
        return call_type in (CHAT, EMBEDDING, EMBED, GENERATE, COUNT)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        url, headers = self._requests.of(deployment)
        if call.call_type in (GENERATE, COUNT):
            return _own_call(call, deployment, url, headers)
        if call.call_type == EMBED:
            method, sent = native_embedding(call, deployment, _model_path(deployment))
            return HttpCall(url + method, headers, sent), EmbedAnswer()
        if call.call_type == EMBEDDING:
            asked = embedding_body(call, deployment)
            request = {**batch_request(asked, _model_path(deployment)), **deployment.extra_body}
            as_base64 = asked.get("encoding_format") == "base64"
            reader = EmbeddingAnswer(call.model, batch_vectors, as_base64=as_base64)
            return HttpCall(f"{url}:batchEmbedContents", headers, orjson.dumps(request)), reader
        if call.call_type in (GENERATION, EDIT):
            return image_call(call, deployment, url, headers)
        body = generate_content(call, deployment)
        return HttpCall(url + method_of(call), headers, orjson.dumps(body)), reader_of(call, deployment, body)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return failure_of(self.name, status, body)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        url, headers = self._requests.of(deployment)
        return url.rpartition("/models/")[0].rpartition("/")[0], headers

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = text_or_missing(deployment.api_key, deployment, "api_key")
        key = key or next((self._environ[name] for name in KEY_VARIABLES if self._environ.get(name)), None)
        if not key:
            raise CredentialMissing(
                f"the deployment 'gemini/{deployment.model}' has no key: set {KEY_VARIABLES[0]} in the gateway's "
                "environment, or api_key in its litellm_params",
                param="api_key",
            )
        base = text_or_missing(deployment.api_base, deployment, "api_base") or self._environ.get("GEMINI_API_BASE")
        base = (base or DEFAULT_BASE).rstrip("/")
        if base.rpartition("/")[2] not in ("v1", "v1alpha", "v1beta"):
            version = text_or_missing(deployment.api_version, deployment, "api_version") or DEFAULT_VERSION
            base = f"{base}/{version}"
        return f"{base}/{quote(_model_path(deployment))}", call_headers(deployment, {"x-goog-api-key": key})


def _model_path(deployment: Deployment) -> str:
    return deployment.model if "/" in deployment.model else f"models/{deployment.model}"


def _own_call(
    call: ProviderCall, deployment: Deployment, url: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return the request of a client that speaks Google's API itself."""
    request = HttpCall(url + native_method(call), headers, native_body(call, deployment))
    return request, native_reader(call, deployment)


def method_of(call: ProviderCall) -> str:
    return ":streamGenerateContent?alt=sse" if call.stream else ":generateContent"


def generate_content(call: ProviderCall, deployment: Deployment) -> dict[str, Any]:
    """Return the call's body in Gemini's form.

    Raises:
        Rejected: it cannot be put so.
    """
    body = chat_body(call, deployment)
    request = to_generate_content(body, model=deployment.model, drop_params=call.drop_params)
    return joined(request, dict(deployment.extra_body))


def listener_for(model: str, framing: Framing) -> AnswerReader:
    """Return a reader that tells what an answer of `model` used; what it makes of the answer is for nobody."""
    translator = GeminiTranslator(model, 0, True, answer_id="", bills_queries=bills_queries(model), candidates=1)
    return TranslatedAnswer(framing, translator)


def reader_of(call: ProviderCall, deployment: Deployment, body: dict[str, Any]) -> AnswerReader:
    """Return the reader of the answer to `body`."""
    config = body.get("generationConfig")
    candidates = config.get("candidateCount") if isinstance(config, dict) else None
    translator = GeminiTranslator(
        call.model,
        int(time.time()),
        call.include_usage,
        answer_id=new_id("chatcmpl"),
        bills_queries=bills_queries(deployment.model),
        candidates=candidates if isinstance(candidates, int) else 1,
        wav=isinstance(config, dict) and "speechConfig" in config and _asks_for_wav(call),
    )
    return TranslatedAnswer(SseParser(), translator)


def _asks_for_wav(call: ProviderCall) -> bool:
    audio = json_body(call.body).get("audio")
    return isinstance(audio, dict) and audio.get("format") == "wav"
