"""Tool calls of a conversation: OpenAI's functions with a JSON string, Anthropic's blocks with an object."""

import hashlib
import re
from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.requests.content import with_cache_control
from services.router.providers.chat.functions import call_of
from services.router.providers.chat.thought_ids import split_thought

_REFUSED_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def wire_id(call_id: str) -> str:
    """Return the id in the letters that Anthropic takes; ids made by other providers may have more (functions.f:0).

    The same id always gives the same result, and different ones different results, so calls and answers still meet.
    """
    call_id = split_thought(call_id)[0]
    clean = _REFUSED_IN_ID.sub("_", call_id)
    if clean == call_id:
        return call_id
    return f"{clean}_{hashlib.sha256(call_id.encode()).hexdigest()[:8]}"


def tool_use_blocks(calls: object, path: str) -> list[dict[str, Any]]:
    """Translate the `tool_calls` of an assistant message."""
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise InvalidField(path, "must be a list of tool calls.")
    return [_tool_use(call, f"{path}[{index}]") for index, call in enumerate(calls)]


def tool_call(block: dict[str, Any]) -> dict[str, Any]:
    """Translate a tool_use block of an answer."""
    arguments = orjson.dumps(block.get("input") or {}).decode()
    return {
        "id": block.get("id", ""),
        "type": "function",
        "function": {"name": block.get("name", ""), "arguments": arguments},
    }


def _tool_use(call: object, path: str) -> dict[str, Any]:
    told = call_of(call, path, provider="Anthropic")
    block = {"type": "tool_use", "id": wire_id(told.id), "name": told.name, "input": told.arguments}
    return with_cache_control(block, call) if isinstance(call, dict) else block
