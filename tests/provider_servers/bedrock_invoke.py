"""Bedrock's InvokeModel and InvokeModelWithResponseStream: the forms of its families of models.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, its pages of the families
"""

import base64
from collections.abc import Sequence
from typing import Any

import orjson

from tests.provider_servers import aws_event_stream
from tests.provider_servers import bedrock_media as media
from tests.provider_servers.anthropic import AnthropicServer
from tests.provider_servers.http_server import Behaviour, Received
from tests.provider_servers.openai import OpenAIServer

METRICS = {"inputTokenCount": 12, "outputTokenCount": 10, "invocationLatency": 900, "firstByteLatency": 300}
TOKEN_HEADERS = {"x-amzn-bedrock-input-token-count": "12", "x-amzn-bedrock-output-token-count": "10"}
VECTOR = media.VECTOR
_NEEDED = {
    **media.NEEDED,
    "anthropic": "messages",
    "meta": "prompt",
    "mistral": "prompt",
    "titan-text": "inputText",
    "titan-embed": "inputText",
    "cohere.embed": "texts",
    "cohere": "message",
    "nova": "messages",
    "openai": "messages",
}
_KNOWN = {
    **media.KNOWN,
    "meta": {"prompt", "max_gen_len", "temperature", "top_p"},
    "mistral": {"prompt", "max_tokens", "stop", "temperature", "top_p", "top_k"},
    "titan-text": {"inputText", "textGenerationConfig"},
    "titan-embed": {"inputText", "dimensions", "normalize", "embeddingTypes"},
    "cohere.embed": {"texts", "input_type", "truncate", "embedding_types", "output_dimension", "images"},
    "cohere": {"message", "chat_history", "preamble", "max_tokens", "temperature", "p", "k", "stop_sequences"},
    "nova": {"schemaVersion", "messages", "system", "inferenceConfig", "toolConfig"},
}


def refusal(model: str, body: dict[str, Any]) -> tuple[int, Any] | None:
    family = _family(model)
    if _NEEDED[family] not in body:
        return 400, {"message": f"Malformed input request: #: required key [{_NEEDED[family]}] not found"}
    if extra := body.keys() - _KNOWN.get(family, body.keys()):
        return 400, {"message": f"Malformed input request: #: extraneous key {sorted(extra)} is not permitted"}
    if family == "anthropic" and (body.get("anthropic_version") != "bedrock-2023-05-31" or "model" in body):
        return 400, {"message": "anthropic_version: Field required; model: Extra inputs are not permitted"}
    if family == "cohere.embed" and "input_type" not in body:
        return 400, {"message": "input_type: is required"}
    return None


def answer(model: str, request: Received, behaviour: Behaviour) -> Any:
    text, family = behaviour.text, _family(model)
    if family in media.NEEDED:
        return media.answer(family, request.body, behaviour)
    if family == "anthropic":
        return AnthropicServer().answer(_named(request, model), behaviour)
    if family == "openai":
        return OpenAIServer().answer(request, behaviour)
    if family == "meta":
        counts = {"prompt_token_count": 12, "generation_token_count": 10}
        return {"generation": text, **counts, "stop_reason": behaviour.finish or "stop"}
    if family == "mistral":
        return {"outputs": [{"text": f" {text}", "stop_reason": behaviour.finish or "stop"}]}
    if family == "titan-text":
        result = {"tokenCount": 10, "outputText": f" {text}", "completionReason": behaviour.finish or "FINISH"}
        return {"inputTextTokenCount": 12, "results": [result]}
    if family == "cohere":
        return {"response_id": "r", "text": text, "generation_id": "g", "finish_reason": behaviour.finish or "COMPLETE"}
    if family == "titan-embed":
        return {"embedding": VECTOR, "embeddingsByType": {"float": VECTOR}, "inputTextTokenCount": 7}
    if family == "cohere.embed":
        texts = request.body["texts"]
        return {"id": "e", "texts": texts, "response_type": "embeddings_floats", "embeddings": [VECTOR] * len(texts)}
    return {
        "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
        "stopReason": behaviour.finish or "end_turn",
        "usage": {"inputTokens": 12, "outputTokens": 10, "totalTokens": 22},
    }


def events(model: str, request: Received, behaviour: Behaviour) -> Sequence[bytes]:
    """Return the family's events, the last of them with Bedrock's own counts."""
    found = _events(model, request, behaviour)
    found[-1]["amazon-bedrock-invocationMetrics"] = METRICS
    return [
        aws_event_stream.event(
            "chunk", orjson.dumps({"bytes": base64.b64encode(orjson.dumps(each)).decode(), "p": "ab"})
        )
        for each in found
    ]


def _events(model: str, request: Received, behaviour: Behaviour) -> list[dict[str, Any]]:
    family = _family(model)
    words = [word if not index else f" {word}" for index, word in enumerate(behaviour.text.split(" "))]
    if family == "anthropic":
        return _decoded(AnthropicServer().events(_named(request, model), behaviour))
    if family == "openai":
        return _decoded(OpenAIServer().events(request, behaviour))
    if family == "meta":
        chunks: list[dict[str, Any]] = [{"generation": word, "stop_reason": None} for word in words]
        chunks[0]["prompt_token_count"] = 12
        return [*chunks, {"generation": "", "generation_token_count": 10, "stop_reason": behaviour.finish or "stop"}]
    if family == "mistral":
        chunks = [{"outputs": [{"text": word, "stop_reason": None}]} for word in words]
        return [*chunks, {"outputs": [{"text": "", "stop_reason": behaviour.finish or "stop"}]}]
    if family == "titan-text":
        chunks = [{"outputText": word, "index": 0, "completionReason": None} for word in words]
        last = {"outputText": "", "index": 0, "totalOutputTextTokenCount": 10, "inputTextTokenCount": 12}
        return [*chunks, {**last, "completionReason": behaviour.finish or "FINISH"}]
    if family == "cohere":
        chunks = [{"is_finished": False, "event_type": "text-generation", "text": word} for word in words]
        whole = {"text": behaviour.text, "finish_reason": "COMPLETE"}
        end = {"is_finished": True, "event_type": "stream-end", "finish_reason": behaviour.finish or "COMPLETE"}
        return [*chunks, {**end, "response": whole}]
    deltas = [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": word}}} for word in words]
    usage = {"inputTokens": 12, "outputTokens": 10, "totalTokens": 22}
    return [
        {"messageStart": {"role": "assistant"}},
        *deltas,
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": behaviour.finish or "end_turn"}},
        {"metadata": {"usage": usage, "metrics": {}}},
    ]


def _decoded(stream: Sequence[bytes]) -> list[dict[str, Any]]:
    lines = [line for event in stream for line in event.split(b"\n") if line.startswith(b"data: {")]
    return [orjson.loads(line[6:]) for line in lines]


def _named(request: Received, model: str) -> Received:
    return request._replace(raw=orjson.dumps({**request.body, "model": model}))


def _family(model: str) -> str:
    return next(
        name for name in (*media.NEEDED, "titan-embed", "titan-text", "cohere.embed", *_NEEDED) if name in model
    )
