"""An answer of the Messages API, as an OpenAI chat completion.

Sources: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons; the fields that OpenAI lacks
(reasoning_content, thinking_blocks, provider_specific_fields) are LiteLLM's.
"""

from typing import Any

import orjson

from services.router.providers.anthropic.answers.citations import annotations_of
from services.router.providers.anthropic.answers.usage import openai_usage, usage_of
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from services.router.providers.anthropic.requests.tool_calls import tool_call

__all__ = ["finish_reason_of", "openai_usage", "result_field", "to_completion", "usage_of"]

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def to_completion(message: dict[str, Any], *, model: str, created: int) -> dict[str, Any]:
    """Return `message` as a chat completion named `model`; `created` is in Unix seconds."""
    texts: list[str] = []
    thoughts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    own: dict[str, Any] = {}
    length = 0
    for block in message.get("content") or ():
        kind = block.get("type")
        if kind == "text":
            text = block.get("text") or ""
            texts.append(text)
            if citations := block.get("citations"):
                annotations += annotations_of(citations, length, length + len(text))
                place = {"supported_text": text, "supported_from": length}  # the second is ours, to find it again by
                cited = [{**citation, **place} for citation in citations]
                own.setdefault("citations", []).append(cited)
            length += len(text)
        elif kind in ("thinking", "redacted_thinking"):
            thoughts.append(block)
        elif kind == "tool_use" and block.get("name") == ANSWER_TOOL:
            texts.append(orjson.dumps(block.get("input") or {}).decode())
            length += len(texts[-1])
        elif kind == "tool_use":
            calls.append(tool_call(block))
        else:
            # Tools that Anthropic runs itself: a client must not take them for calls that it should answer.
            own.setdefault(result_field(str(kind)), []).append(block)
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        answer["tool_calls"] = calls
    if thoughts:
        answer["reasoning_content"] = "".join(block.get("thinking") or "" for block in thoughts)
        answer["thinking_blocks"] = thoughts
    if annotations:
        answer["annotations"] = annotations
    if (explanation := refusal_of(message)) is not None:
        answer["refusal"] = explanation
    if message.get("container") is not None:
        own["container"] = message["container"]
    if own:
        answer["provider_specific_fields"] = own
    reason = finish_reason_of(message.get("stop_reason"), calls_tools=bool(calls))
    return {
        "id": message.get("id", ""),
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": answer, "finish_reason": reason}],
        "usage": openai_usage(usage_of(message.get("usage") or {})),
    }


def finish_reason_of(stop_reason: object, *, calls_tools: bool) -> str:
    """Return OpenAI's word. A tool_use that was only a JSON answer in disguise is a plain stop, as is a new reason."""
    reason = _FINISH_REASONS.get(str(stop_reason), "stop")
    return "stop" if reason == "tool_calls" and not calls_tools else reason


def refusal_of(message: dict[str, Any]) -> str | None:
    """Return Anthropic's explanation of a refusal, from a message or the delta that ends one."""
    details = message.get("stop_details")
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) else None


def result_field(kind: str) -> str:
    """Return the provider-specific field that carries blocks of a server tool."""
    if kind in ("web_search_tool_result", "web_fetch_tool_result"):
        return "web_search_results"
    return "tool_results" if kind.endswith("_tool_result") else f"{kind}_blocks"
