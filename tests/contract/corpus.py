"""The cases of tests/contract/usage: the usage, the price row, and a request that may lead to it."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

import shared.usage as readers
from services.edge.peeks.anything import peek_anything
from services.edge.peeks.audio import peek_speech, peek_transcription
from services.edge.peeks.chat import peek_chat
from services.edge.peeks.embeddings import peek_embeddings
from services.edge.peeks.generate_content import peek_generate
from services.edge.peeks.images import peek_image
from services.edge.peeks.messages import peek_messages
from services.edge.peeks.peek import Peek
from services.edge.peeks.rerank import peek_rerank
from services.edge.peeks.responses import peek_responses
from shared.payloads.audio import LEAST_BYTES_PER_S
from shared.payloads.forms import Field
from shared.prices import PriceRow, Rate
from shared.prices.row import exact
from shared.usage import INPUT_CLASSES, OUTPUT_CLASSES, UNIT_CLASSES, Usage

FOLDER = Path(__file__).parent / "usage"
FILES: dict[str, Any] = {path.stem: orjson.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json"))}

_UNITS = {"K": 1_000, "M": 1_000_000}
OWN_TOKENS = 10
"""Of a request for which the provider's tools have found all the rest."""


def read(case: dict[str, Any]) -> Usage:
    usage = getattr(readers, case["reader"])(case["usage"], **case.get("args", {}))
    assert isinstance(usage, Usage)
    return usage


def row_of(prices: dict[str, str]) -> PriceRow:
    """Return the row of prices such as "3/1M > 200000: 6/1M"."""
    known = {
        *INPUT_CLASSES,
        *OUTPUT_CLASSES,
        *UNIT_CLASSES,
        *[f"web_searches_{size}" for size in _SIZES],
        "requests_low",
    }
    assert prices.keys() <= known
    rates = {}
    for usage_class, text in prices.items():
        base, *steps = text.split(" > ")
        tiers = [step.split(": ") for step in steps]
        rates[usage_class] = Rate(_pico_of(base), tuple((int(start), _pico_of(price)) for start, price in tiers))
    return PriceRow("case", "test", rates)


_SIZES = ("low", "high", "preview")


def _pico_of(price: str) -> int | Decimal:
    """Return the pico-dollars of a unit; a price by the minute may be no finite decimal, but its cost here is one."""
    usd, units = price.split("/")
    count = int(units[:-1]) * _UNITS[units[-1]] if units[-1] in _UNITS else int(units)
    return exact(Decimal(usd) * 10**12 / count)


def call_type_of(case: dict[str, Any]) -> str:
    return _CALL_TYPES.get(_endpoint_of(case), "acompletion")


def peek_of(case: dict[str, Any]) -> Peek | None:
    """Return what edge tells of a request that can have used so much, None where no endpoint takes one.

    Its text has a byte for each token that went in, its maximum is what came out. `request` in a case says what else
    it asks for; where a tool of the provider's is among that, all but `own_tokens` is what the tool has found.
    """
    usage, more = read(case), case.get("request", {})
    own = case.get("own_tokens", OWN_TOKENS if more.get("tools") else usage.prompt_tokens - _media(usage))
    text = "x" * max(1, own)
    most = {} if not usage.completion_tokens else {"max_tokens": usage.completion_tokens}
    match _endpoint_of(case):
        case "messages":
            body = {"model": "m", "max_tokens": 1, **most, "messages": [{"role": "user", "content": text}], **more}
            return peek_messages(_json(body))
        case "responses":
            most = {"max_output_tokens": max(1, usage.completion_tokens)}
            return peek_responses(_json({"model": "m", "input": text, **most, **more}))
        case "generate_content":
            data = {"inlineData": {"mimeType": "image/png", "data": "A"}}
            parts = [{"text": text}, *[data] * bool(_media(usage))]
            config = {"maxOutputTokens": usage.completion_tokens}
            return peek_generate(_json({"contents": [{"parts": parts}], "generationConfig": config, **more}))
        case "interactions":
            config = {"max_output_tokens": max(1, usage.completion_tokens)}
            picture = {"type": "image", "mime_type": "image/png", "data": "A"}
            parts = [{"type": "text", "text": text}, *[picture] * bool(_media(usage))]
            return peek_anything(_json({"model": "m", "input": parts, "generation_config": config, **more}))
        case "conversation":
            asked = {"model": "m", "inputs": text, "completion_args": {"max_tokens": usage.completion_tokens}}
            return peek_anything(_json({**asked, **more}))
        case "multimodal":
            return peek_embeddings(_json({"model": "m", "input": ["x" * usage.input, _PICTURE], **more}))
        case "embeddings":
            inputs = ["data:image/png;base64,AA"] * usage.input_images or [text]
            return peek_embeddings(_json({"model": "m", "input": inputs, **more}))
        case "rerank":
            return peek_rerank(_json({"model": "m", "query": "x", "documents": [text], **more}))
        case "images":
            return peek_image(_json({"model": "m", "prompt": text, "n": usage.images, **more}))
        case "speech":
            return peek_speech(_json({"model": "m", "input": case["usage"], "voice": "v"}))
        case "transcription":
            least_ms = max(usage.audio_input_ms, usage.audio_input * 1_000 // _HEARD_TOKENS_PER_S)
            sent = bytes(LEAST_BYTES_PER_S * least_ms // 1_000 or 1)
            return peek_transcription((Field("model", b"m"), Field("file", sent, "a.ogg")), len(sent))
        case "pages":
            return peek_anything(_json({"model": "m", "document": {"document_url": "https://a.example/a.pdf"}}))
        case "chat":
            content: list[dict[str, Any]] = [{"type": "text", "text": text}]
            if usage.audio_input or usage.audio_input_ms:
                heard = "A" * (LEAST_BYTES_PER_S * usage.audio_input_ms // 1_000)
                content.append({"type": "input_audio", "input_audio": {"data": heard, "format": "mp3"}})
            elif _media(usage):
                content.append({"type": "image_url", "image_url": {"url": "https://a.example/a.png"}})
            messages = [{"role": "user", "content": content}]
            return peek_chat(_json({"model": "m", "messages": messages, **most, **more}))
    return None


def _endpoint_of(case: dict[str, Any]) -> str:
    if "endpoint" in case:
        return str(case["endpoint"])
    return _ENDPOINTS.get(case["reader"], "chat")


_ENDPOINTS = {
    "usage_from_anthropic": "messages",
    "usage_from_responses": "responses",
    "usage_from_gemini": "generate_content",
    "usage_from_images": "images",
    "usage_from_interactions": "interactions",
    "usage_from_transcription": "transcription",
    "usage_from_deepgram": "transcription",
    "usage_of_speech": "speech",
    "usage_from_total": "embeddings",
    "usage_from_pages": "pages",
    "usage_from_conversation": "conversation",
    "usage_from_realtime": "",
}
_CALL_TYPES = {
    "messages": "anthropic_messages",
    "responses": "aresponses",
    "generate_content": "agenerate_content",
    "embeddings": "aembedding",
    "rerank": "arerank",
    "images": "aimage_generation",
    "speech": "aspeech",
    "transcription": "atranscription",
    "interactions": "pass_through_endpoint",
    "conversation": "pass_through_endpoint",
    "multimodal": "aembedding",
    "pages": "pass_through_endpoint",
}
_PICTURE = "data:image/png;base64,AA"
_HEARD_TOKENS_PER_S = 10
"""The least that a second of audio has: OpenAI's realtime models."""


def _media(usage: Usage) -> int:
    return (
        usage.audio_input + usage.image_input + usage.video_input + usage.cached_audio_input + usage.cached_image_input
    )


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def answer_of(case: dict[str, Any]) -> dict[str, Any] | None:
    """Return the whole answer that has the case's usage in it, None of a usage that only a stream tells.

    `answer` in a case is what stands beside the usage where the cost hangs on it.
    """
    usage, args, beside = case["usage"], case.get("args", {}), case.get("answer", {})
    fields = {name: args[name] for name in ("output", "tools", "tool_usage") if name in args}
    tier = {"service_tier": args["tier"]} if "tier" in args else {}
    match case["reader"]:
        case "usage_from_openai" if _endpoint_of(case) == "rerank":
            return {"results": [], "usage": usage}
        case "usage_from_openai" if _endpoint_of(case) == "embeddings":
            return {"object": "list", "data": [], "usage": usage}
        case "usage_from_openai":
            return {"object": "chat.completion", "choices": [], "usage": usage, **tier}
        case "usage_from_responses":
            return {"object": "response", "id": "resp_1", "output": [], "usage": usage, **fields, **tier}
        case "usage_from_anthropic":
            return {"type": "message", "id": "msg_1", "role": "assistant", "content": [], "usage": usage}
        case "usage_from_gemini":
            return {"candidates": [], "usageMetadata": usage, **beside}
        case "usage_from_interactions":
            return {"id": "v1_1", "status": "completed", "usage": usage, **beside}
        case "usage_from_conversation":
            ran = [{"type": "tool.execution", "name": name} for name in args.get("ran", ())]
            return {"object": "conversation.response", "conversation_id": "c", "outputs": ran, "usage": usage}
        case "usage_from_bedrock" if "cache_in_input" not in args:
            served = {"serviceTier": {"type": args["tier"]}} if "tier" in args else {}
            return {"output": {"message": {"content": []}}, "stopReason": "end_turn", "usage": usage, **served}
        case "usage_from_bedrock_metrics":
            return {"amazon-bedrock-invocationMetrics": usage}
        case "usage_from_cohere" if {"tokens", "cached_tokens"} & usage.keys():
            return {"id": "1", "message": {"role": "assistant", "content": []}, "usage": usage}
        case "usage_from_cohere":
            return {"id": "1", "results": [], "meta": usage}
        case "usage_from_images":
            return {"created": 1, "data": [{"b64_json": "AA=="}] * args["images"], "usage": usage}
        case "usage_from_transcription":
            return {"text": "", **usage}
        case "usage_from_realtime":
            return {"object": "realtime.response", "usage": usage}
        case "usage_from_total":
            return {"data": [], "usage": usage}
        case "usage_of_speech" | "usage_from_bedrock":
            return None
    assert isinstance(usage, dict)
    return usage
