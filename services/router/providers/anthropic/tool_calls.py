"""Tool calls of a conversation: OpenAI's functions with a JSON string, Anthropic's blocks with an object."""

import hashlib
import re
from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.anthropic.content import with_cache_control
from services.router.providers.thought_ids import split_thought

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
    if not isinstance(call, dict):
        raise InvalidField(path, "must be an object with id and function.")
    if call.get("type", "function") != "function":
        raise InvalidField(f"{path}.type", "must be function: Anthropic has no other calls of a client's tools.")
    call_id, function = call.get("id"), call.get("function")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.id", "must be a string.")
    if not isinstance(function, dict):
        raise InvalidField(f"{path}.function", "must be an object with name and arguments.")
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.function.name", "must be the name of the tool called.")
    block = {
        "type": "tool_use",
        "id": wire_id(call_id),
        "name": name,
        "input": _arguments(function.get("arguments"), f"{path}.function.arguments"),
    }
    return with_cache_control(block, call)


def _arguments(given: object, path: str) -> dict[str, Any]:
    if given is None or given == "":
        return {}  # a call without arguments
    if isinstance(given, str):
        try:
            given = orjson.loads(given)
        except orjson.JSONDecodeError as failure:
            raise InvalidField(path, f"must be JSON: {failure}.") from failure
    if not isinstance(given, dict):
        raise InvalidField(path, "must be a JSON object.")
    return given
