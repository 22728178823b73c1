"""A client of Google's API in front of Google: its bytes go through, but for the maximum.

Source: https://ai.google.dev/api/generate-content
"""

from typing import Any

import msgspec
import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.count_answer import CountAnswer
from services.router.providers.answers.native_answer import NativeAnswer
from services.router.providers.answers.rejection import InvalidField
from services.router.providers.answers.sse import event_of
from services.router.providers.answers.whole_only import WholeOnly
from services.router.providers.base import ProviderCall, Whole, json_object
from services.router.providers.gemini.failures import reported
from services.router.providers.openai.body import OURS, refuse_credentials
from shared.serving.deployments import Deployment
from shared.usage import Usage, usage_from_gemini
from shared.usage.gemini import newest
from shared.usage.gemini_searches import Searches, bills_queries

GENERATE, COUNT, EMBED = "agenerate_content", "agemini_count_tokens", "aembed_content"
"""Types of calls that Google's own clients make."""

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def native_method(call: ProviderCall) -> str:
    if call.call_type == COUNT:
        return ":countTokens"
    return ":streamGenerateContent?alt=sse" if call.stream else ":generateContent"


def native_embedding(call: ProviderCall, deployment: Deployment, model: str) -> tuple[str, bytes]:
    """Return the method and the body of a request for vectors; each of a batch names `model`, as in models/x.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    fields = _own_fields(call, deployment) | dict(deployment.extra_body)
    if "requests" not in fields:
        return ":embedContent", _encode(fields)
    requests = orjson.loads(memoryview(fields["requests"]))
    if not isinstance(requests, list) or not all(isinstance(each, dict) for each in requests):
        raise InvalidField("requests", "must be a list of objects.")
    fields["requests"] = [{**each, "model": model} for each in requests]
    return ":batchEmbedContents", _encode(fields)


def native_body(call: ProviderCall, deployment: Deployment) -> bytes:
    """Return the body: the client's fields as they came, those that speak to the gateway left out.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    fields = _own_fields(call, deployment)
    if call.call_type == COUNT:
        return _encode(fields)
    if call.max_tokens is not None:
        name = "generation_config" if "generation_config" in fields else "generationConfig"
        config = orjson.loads(memoryview(fields[name])) if name in fields else {}
        if not isinstance(config, dict):
            raise InvalidField(name, "must be an object.")
        config.pop("max_output_tokens", None)
        fields[name] = {**config, "maxOutputTokens": call.max_tokens}
    return _encode(fields | dict(deployment.extra_body))


def vertex_body(call: ProviderCall, deployment: Deployment) -> bytes:
    """Return the same for Vertex AI, whose countTokens takes the fields of a request where AI Studio takes the request.

    Raises:
        InvalidField: it is not a JSON object, or brings credentials.
    """
    if call.call_type != COUNT:
        return native_body(call, deployment)
    fields = _own_fields(call, deployment)
    for name in ("generateContentRequest", "generate_content_request"):
        if name in fields:
            within = _object(bytes(memoryview(fields.pop(name))), name)
            within.pop("model", None)
            fields |= within
    return _encode(fields)


def native_reader(call: ProviderCall, deployment: Deployment) -> "GenerateAnswer | CountAnswer":
    if call.call_type == COUNT:
        return CountAnswer("totalTokens")
    return GenerateAnswer(bills_queries=bills_queries(deployment.model))


def _own_fields(call: ProviderCall, deployment: Deployment) -> dict[str, Any]:
    """Return the fields that are not for the gateway, as they came."""
    fields = _object(call.body, "request_body")
    refuse_credentials(fields.keys())
    for name in (*(fields.keys() & OURS), "model", *deployment.drop_always):
        fields.pop(name, None)
    return fields


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidField(name, f"is not a JSON object: {error}") from error
    return fields


class EmbedAnswer(WholeOnly):
    """An `AnswerReader` for vectors that pass as they come."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        if isinstance(answer.get("error"), dict):
            raise reported(answer["error"])
        if "embedding" not in answer and "embeddings" not in answer:
            raise UnreadableAnswer("an answer without embeddings")
        self.usage = usage_from_gemini(answer.get("usageMetadata"))
        return Whole(body, self.usage, "", "")


class GenerateAnswer(NativeAnswer):
    """An `AnswerReader`. A stream's end is the end of its body: there is no event that says so."""

    stream_type = "text/event-stream"
    cut_as = "generate"
    end_named = "a finishReason"

    def __init__(self, *, bills_queries: bool) -> None:
        super().__init__()
        self._searches = Searches(bills_queries=bills_queries)
        self._metadata: Any = None
        self._texts: list[str] = []

    def whole(self, body: bytes) -> Whole:
        answer = json_object(body)
        if isinstance(answer.get("error"), dict):
            raise reported(answer["error"])
        if "candidates" not in answer and "promptFeedback" not in answer:
            raise UnreadableAnswer("an answer without candidates")
        self._note(answer)
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    def event(self, event: bytes) -> bytes:
        data = event_of(event)[1]
        if not data:
            return b""
        answer = json_object(data)
        if isinstance(answer.get("error"), dict):
            raise reported(answer["error"])
        self._note(answer)
        return event

    def is_over(self) -> bool:
        return bool(self.finish_reason)

    def text_so_far(self) -> str:
        return "".join(self._texts)

    def _note(self, answer: dict[str, Any]) -> None:
        candidates = [one for one in answer.get("candidates") or () if isinstance(one, dict)]
        self.response_id = str(answer.get("responseId") or self.response_id)
        self._searches.note(candidates)
        self._metadata = newest(self._metadata, answer.get("usageMetadata"))
        self.usage = self._searches.usage(self._metadata)
        if not candidates and answer.get("promptFeedback"):
            self.finish_reason = "blocked"
        for one in candidates:
            self.finish_reason = str(one.get("finishReason") or self.finish_reason)
            for part in (one.get("content") or {}).get("parts") or ():
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    self._texts.append(part["text"])
