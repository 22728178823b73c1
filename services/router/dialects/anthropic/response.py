"""A chat completion, as a message.

Sources: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from collections.abc import Sequence
from typing import Any

from services.router.dialects.anthropic.citations import text_blocks
from services.router.dialects.chat_pieces import arguments_of
from shared.usage import Usage

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}


def to_message(
    completion: dict[str, Any], usage: Usage, *, model: str, stop_sequences: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the first choice of `completion` as a message named `model`: a message has one answer."""
    choices = completion.get("choices") or [{}]
    choice = choices[0]
    answer = choice.get("message") or {}
    calls = answer.get("tool_calls") or ()
    content = thinking_blocks(answer) + _texts(answer)
    content += [tool_use(call) for call in calls if isinstance(call.get("function"), dict)]
    reason, sequence = stop_of(choice, calls_tools=bool(calls), stop_sequences=stop_sequences)
    return {
        "id": completion.get("id") or "",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage_shown(usage),
    }


def thinking_blocks(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the thoughts with their signatures; a provider that signs nothing has one without."""
    blocks = answer.get("thinking_blocks")
    if isinstance(blocks, list) and blocks:
        return [{name: value for name, value in block.items() if name != "index"} for block in blocks]
    thought = answer.get("reasoning_content") or answer.get("reasoning")
    return [{"type": "thinking", "thinking": thought, "signature": ""}] if isinstance(thought, str) and thought else []


def _texts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    content = answer.get("content") or answer.get("refusal")
    if isinstance(content, str):
        return text_blocks(content, answer) if content else []
    parts = content if isinstance(content, list) else ()
    return [{"type": "text", "text": part["text"]} for part in parts if isinstance(part.get("text"), str)]


def tool_use(call: dict[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {
        "type": "tool_use",
        "id": call.get("id") or "",
        "name": function.get("name") or "",
        "input": arguments_of(function.get("arguments")),
    }


def stop_of(choice: dict[str, Any], *, calls_tools: bool, stop_sequences: Sequence[str]) -> tuple[str, str | None]:
    """Return stop_reason and stop_sequence. Some providers tell beside "stop" which sequence it was."""
    if calls_tools and choice.get("finish_reason") in ("stop", None):
        return "tool_use", None
    found = choice.get("stop_reason")
    if isinstance(found, str) and found in stop_sequences:
        return "stop_sequence", found
    return _STOP_REASONS.get(str(choice.get("finish_reason")), "end_turn"), None


def usage_shown(usage: Usage) -> dict[str, Any]:
    """Return Anthropic's usage object: what was read from and written to a cache stands beside the input."""
    written = usage.cache_write + usage.cache_write_1h
    cached = usage.cached_input + usage.cached_audio_input + usage.cached_image_input
    shown: dict[str, Any] = {
        "input_tokens": usage.prompt_tokens - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.completion_tokens,
    }
    if written:
        shown["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": usage.cache_write_1h,
        }
    if usage.web_searches:
        shown["server_tool_use"] = {"web_search_requests": usage.web_searches}
    return shown
