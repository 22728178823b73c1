"""The turns of a Messages request, as chat messages.

Sources: https://platform.claude.com/docs/en/api/messages,
https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls
"""

from typing import Any

import orjson

from services.router.dialects.anthropic.content import parts_of
from services.router.providers.answers.rejection import InvalidField

Messages = list[dict[str, Any]]


def messages_of(turns: object, unsupported: dict[str, str]) -> Messages:
    """Return the messages: a turn with results of tools becomes one for each result, then one for the rest."""
    if not isinstance(turns, list) or not turns:
        raise InvalidField("messages", "must be a list with at least one message.")
    messages: Messages = []
    for index, turn in enumerate(turns):
        path = f"messages[{index}]"
        if not isinstance(turn, dict):
            raise InvalidField(path, "must be an object with role and content.")
        role, content = turn.get("role"), turn.get("content")
        if role not in ("user", "assistant", "system"):
            raise InvalidField(f"{path}.role", "must be user or assistant.")
        if isinstance(content, str):
            messages.append({"role": role, "content": content})
            continue
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise InvalidField(f"{path}.content", "must be a string or a list of blocks.")
        if role == "assistant":
            messages += _assistant(content, f"{path}.content", unsupported)
        else:
            messages += _user(role, content, f"{path}.content", unsupported)
    return messages


def _user(role: str, blocks: list[dict[str, Any]], path: str, unsupported: dict[str, str]) -> Messages:
    results: Messages = []
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        at = f"{path}[{index}]"
        if block.get("type") == "tool_result":
            results.append(_tool_result(block, at, unsupported))
        else:
            parts += parts_of(block, at, unsupported)
    return [*results, {"role": role, "content": parts}] if parts else results


def _tool_result(block: dict[str, Any], path: str, unsupported: dict[str, str]) -> dict[str, Any]:
    call_id, content = block.get("tool_use_id"), block.get("content")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.tool_use_id", "must be the id of the tool_use that this answers.")
    message: dict[str, Any] = {"role": "tool", "tool_call_id": call_id, "content": ""}
    if isinstance(content, str):
        message["content"] = content
    elif content is not None:
        if not isinstance(content, list) or not all(isinstance(inner, dict) for inner in content):
            raise InvalidField(f"{path}.content", "must be a string or a list of blocks.")
        inner_parts = [
            part for at, inner in enumerate(content) for part in parts_of(inner, f"{path}.content[{at}]", unsupported)
        ]
        message["content"] = inner_parts or ""
    if block.get("is_error") is True:
        message["is_error"] = True
    if block.get("cache_control") is not None:
        message["cache_control"] = block["cache_control"]
    return message


def _assistant(blocks: list[dict[str, Any]], path: str, unsupported: dict[str, str]) -> Messages:
    texts: list[dict[str, Any]] = []
    thoughts: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        kind, at = block.get("type"), f"{path}[{index}]"
        if kind == "text":
            texts += [part for part in parts_of(block, at, unsupported) if part["text"].strip()]
        elif kind in ("thinking", "redacted_thinking"):
            thoughts.append(block)
        elif kind == "tool_use":
            calls.append(_call(block, at))
        elif not _is_of_a_server_tool(str(kind)):
            unsupported[at] = f"blocks of the type {kind} in an answer"
    message: dict[str, Any] = {"role": "assistant"}
    if len(texts) == 1 and len(texts[0]) == 2:
        message["content"] = texts[0]["text"]
    else:
        message["content"] = texts or None
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(str(block.get("thinking") or "") for block in thoughts)
        message["thinking_blocks"] = thoughts
    return [message] if texts or calls or thoughts else []


def _is_of_a_server_tool(kind: str) -> bool:
    """What a tool that Anthropic itself ran has left behind: the answer's text says what came of it."""
    return kind == "server_tool_use" or kind.endswith("_tool_result")


def _call(block: dict[str, Any], path: str) -> dict[str, Any]:
    call_id, name, given = block.get("id"), block.get("name"), block.get("input")
    for field, value in (("id", call_id), ("name", name)):
        if not isinstance(value, str) or not value:
            raise InvalidField(f"{path}.{field}", "must be a string.")
    if given is not None and not isinstance(given, dict):
        raise InvalidField(f"{path}.input", "must be an object.")
    function = {"name": name, "arguments": orjson.dumps(given or {}).decode()}
    call: dict[str, Any] = {"id": call_id, "type": "function", "function": function}
    if block.get("cache_control") is not None:
        call["cache_control"] = block["cache_control"]
    return call
