"""A chat that was translated from another dialect, in OpenAI's own words alone: what else is said is refused there.

Sources: https://platform.openai.com/docs/api-reference/chat/create (the fields of messages),
https://platform.openai.com/docs/guides/reasoning (which models take an effort)
"""

from collections.abc import Collection
from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.openai.body import is_reasoning_model

_EXTRAS: dict[str, frozenset[str]] = {
    "openrouter": frozenset({"cache_control", "reasoning_effort", "top_k"}),
    "deepseek": frozenset({"reasoning_content"}),
    "moonshot": frozenset({"reasoning_content"}),
    "hosted_vllm": frozenset({"top_k"}),
    "vllm": frozenset({"top_k"}),
    "together_ai": frozenset({"top_k"}),
    "fireworks_ai": frozenset({"top_k"}),
    "simulated": frozenset({"top_k"}),
}
"""What providers take beyond OpenAI's fields, by their documentation."""

_OF_OPENAI = {"openai", "azure"}
_EFFORTS = {"xhigh": "high", "max": "high"}
_OF_MESSAGES = ("cache_control", "thinking_blocks", "reasoning_content")


def extras_of(provider: str, model: str) -> frozenset[str]:
    """Return the extra fields that a provider's model takes."""
    if provider in _OF_OPENAI and is_reasoning_model(model):
        return frozenset({"reasoning_effort"})
    return _EXTRAS.get(provider, frozenset())


def plain_chat(chat: dict[str, Any], *, takes: Collection[str], drop_params: bool) -> dict[str, Any]:
    """Return the body without the extra fields that are not in `takes`.

    Thoughts and marks of caches are for those who made them, and an effort is a wish: they are left out. Images in a
    tool's result follow it in a message of their own.

    Raises:
        UnsupportedParameter: top_k, where it is not taken; with `drop_params` it is left out too.
        InvalidField: a file that the provider would have to fetch.
    """
    plain = {name: value for name, value in chat.items() if name not in ("thinking", "top_k", "reasoning_effort")}
    if "top_k" in chat:
        if "top_k" in takes:
            plain["top_k"] = chat["top_k"]
        elif not drop_params:
            raise UnsupportedParameter(["top_k"])
    if "reasoning_effort" in takes and "reasoning_effort" in chat:
        plain["reasoning_effort"] = _EFFORTS.get(chat["reasoning_effort"], chat["reasoning_effort"])
    out = [name for name in _OF_MESSAGES if name not in takes]
    plain["messages"] = _messages(chat["messages"], out)
    if "tools" in chat and "cache_control" in out:
        plain["tools"] = [_without_own(tool) for tool in chat["tools"]]
    return plain


def _messages(messages: list[dict[str, Any]], out: Collection[str]) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []  # images of tools' results: no message may stand between two results
    for index, message in enumerate(messages):
        kept = {name: value for name, value in message.items() if name not in out and name != "is_error"}
        if message["role"] != "tool" and waiting:
            plain.append({"role": "user", "content": waiting})
            waiting = []
        content = kept.get("content")
        if isinstance(content, list):
            parts = [_part(part, f"messages[{index}].content[{at}]", out) for at, part in enumerate(content)]
            if message["role"] == "tool":
                waiting += [part for part in parts if part["type"] != "text"]
                parts = [part for part in parts if part["type"] == "text"]
            kept["content"] = _joined(parts, message["role"], out)
        if kept["role"] == "assistant" and kept.get("content") is None and not kept.get("tool_calls"):
            continue  # it was a thought alone
        if "tool_calls" in kept:
            kept["tool_calls"] = [
                {name: value for name, value in call.items() if name not in out} for call in kept["tool_calls"]
            ]
        plain.append(kept)
    return [*plain, {"role": "user", "content": waiting}] if waiting else plain


def _part(part: dict[str, Any], path: str, out: Collection[str]) -> dict[str, Any]:
    file = part.get("file")
    if isinstance(file, dict):
        file_id = file.get("file_id")
        if isinstance(file_id, str) and file_id.startswith(("http://", "https://")):
            raise InvalidField(f"{path}.source.url", "cannot be fetched by this provider; send the document's data.")
    return {name: value for name, value in part.items() if name not in out}


def _joined(parts: list[dict[str, Any]], role: str, out: Collection[str]) -> Any:
    """Return texts as one where nobody marks them: many servers take lists from users only."""
    if role == "user" or "cache_control" not in out or any(part["type"] != "text" for part in parts):
        return parts
    return ("" if role == "assistant" else "\n\n").join(part["text"] for part in parts)


def _without_own(tool: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tool.items() if name in ("type", "function")}
