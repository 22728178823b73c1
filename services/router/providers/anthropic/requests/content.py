"""The parts of one chat message, as Anthropic's content blocks."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.requests.media import file_block, image_block

_OWN_BLOCKS = frozenset(
    {
        "image",
        "document",
        "search_result",
        "thinking",
        "redacted_thinking",
        "tool_use",
        "tool_result",
        "tool_reference",
        "server_tool_use",
        "web_search_tool_result",
        "web_fetch_tool_result",
        "code_execution_tool_result",
        "bash_code_execution_tool_result",
        "text_editor_code_execution_tool_result",
        "tool_search_tool_result",
        "container_upload",
    }
)
"""Blocks in Anthropic's own form, which a caller may mix in; they go through untouched."""


def blocks_of(content: object, path: str) -> list[dict[str, Any]]:
    """Translate a message's `content`: a string, a list of parts, or null.

    Texts without a visible character are left out: Anthropic refuses a request that has one.
    """
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    blocks = [_block(part, f"{path}[{index}]") for index, part in enumerate(content)]
    return [block for block in blocks if block["type"] != "text" or block["text"].strip()]


def with_cache_control(block: dict[str, Any], holder: dict[str, Any]) -> dict[str, Any]:
    """Return `block` with the cache_control of `holder` (a part, a message, a tool), if it has one."""
    marker = holder.get("cache_control")
    return {**block, "cache_control": marker} if marker is not None else block


def _block(part: object, path: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise InvalidField(path, "must be an object with a type.")
    kind = part.get("type")
    if kind == "text":
        return with_cache_control({"type": "text", "text": _string(part, "text", path)}, part)
    if kind == "refusal":
        return {"type": "text", "text": _string(part, "refusal", path)}
    if kind == "image_url":
        return with_cache_control(image_block(part, path), part)
    if kind == "file":
        return with_cache_control(file_block(part, path), part)
    if str(kind) in _OWN_BLOCKS:
        return part
    if kind == "input_audio":
        raise InvalidField(f"{path}.type", "is input_audio, which Anthropic's models do not take.")
    raise InvalidField(f"{path}.type", f"is {str(kind)[:40]!r}; it must be one of text, image_url, file, refusal.")


def _string(part: dict[str, Any], name: str, path: str) -> str:
    text = part.get(name)
    if not isinstance(text, str):
        raise InvalidField(f"{path}.{name}", "must be a string.")
    return text
