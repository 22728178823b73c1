"""A chat completion, as a GenerateContentResponse.

Source: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from typing import Any

from services.router.dialects.chat_pieces import arguments_of
from services.router.dialects.gemini.grounding import grounding_of
from services.router.dialects.gemini.logprobs import logprobs_of
from services.router.dialects.gemini.thoughts import sealed
from shared.usage import Usage

_FINISH_REASONS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}


def to_answer(completion: dict[str, Any], usage: Usage, *, model: str) -> dict[str, Any]:
    candidates = []
    for place, choice in enumerate(completion.get("choices") or ()):
        message = choice.get("message") or {}
        parts = thought_parts(message) + text_parts(message) + call_parts(message.get("tool_calls") or ())
        shown = candidate(parts, choice.get("index", place), choice.get("finish_reason") or "stop")
        shown |= logprobs_of(choice.get("logprobs"))
        content = message.get("content")
        grounding = grounding_of(content, message.get("annotations")) if isinstance(content, str) else None
        candidates.append(shown if grounding is None else {**shown, "groundingMetadata": grounding})
    return answer(candidates, completion.get("id"), model, usage)


def answer(candidates: list[dict[str, Any]], answer_id: object, model: str, usage: Usage | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"candidates": candidates}
    if usage is not None:
        shown["usageMetadata"] = usage_shown(usage)
    return {**shown, "modelVersion": model, "responseId": answer_id or ""}


def candidate(parts: list[dict[str, Any]], index: int, finish: str | None = None) -> dict[str, Any]:
    shown: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": index}
    return shown if finish is None else {**shown, "finishReason": _FINISH_REASONS.get(finish, "OTHER")}


def thought_parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    text = message.get("reasoning_content") or message.get("reasoning") or ""
    blocks = message.get("thinking_blocks")
    kept = [{name: value for name, value in block.items() if name != "index"} for block in blocks or ()]
    if not text and not kept:
        return []
    part: dict[str, Any] = {"text": text, "thought": True}
    return [{**part, "thoughtSignature": sealed(kept)} if kept else part]


def text_parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or message.get("refusal")
    if isinstance(content, list):
        return [{"text": part["text"]} for part in content if isinstance(part.get("text"), str)]
    parts: list[dict[str, Any]] = [{"text": content}] if content else []
    for image in message.get("images") or ():
        url = (image.get("image_url") or {}).get("url") or ""
        media_type, _, data = url.removeprefix("data:").partition(";base64,")
        if data:
            parts.append({"inlineData": {"mimeType": media_type, "data": data}})
    return parts


def call_parts(calls: Any) -> list[dict[str, Any]]:
    parts = []
    for call in calls:
        function = call.get("function") or {}
        shown = {
            "id": call.get("id") or "",
            "name": function.get("name") or "",
            "args": arguments_of(function.get("arguments")),
        }
        parts.append({"functionCall": shown})
    return parts


def usage_shown(usage: Usage) -> dict[str, Any]:
    """Return usageMetadata: thoughts stand beside the candidates, what was cached is part of the prompt."""
    cached = usage.cached_input + usage.cached_audio_input + usage.cached_image_input
    shown = {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens - usage.reasoning,
        "totalTokenCount": usage.total_tokens,
    }
    if usage.reasoning:
        shown["thoughtsTokenCount"] = usage.reasoning
    if cached:
        shown["cachedContentTokenCount"] = cached
    return shown
