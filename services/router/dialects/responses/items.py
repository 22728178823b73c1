"""Items of a response's input, as chat messages.

Source: https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from shared.payloads.sealed_thoughts import unsealed

Messages = list[dict[str, Any]]

_LEFT_BY_TOOLS = ("web_search_call", "file_search_call", "code_interpreter_call", "item_reference", "compaction")
"""What tools that OpenAI itself ran have left behind: the answer's text says what came of it."""


def messages_of(given: object, unsupported: dict[str, str]) -> Messages:
    """Return the messages. Calls join the assistant's message that they follow, thoughts the one that follows them."""
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if not isinstance(given, list) or not given:
        raise InvalidField("input", "must be a string or a list of items.")
    messages: Messages = []
    thoughts: dict[str, Any] = {}
    for index, item in enumerate(given):
        path = f"input[{index}]"
        if not isinstance(item, dict):
            raise InvalidField(path, "must be an object.")
        kind = item.get("type", "message")
        if kind == "message":
            message = _message(item, path, unsupported)
            messages.append({**message, **thoughts} if message["role"] == "assistant" else message)
            thoughts = {}
        elif kind in ("function_call", "custom_tool_call"):
            _add_call(messages, _call(item, kind, path), thoughts)
            thoughts = {}
        elif kind in ("function_call_output", "custom_tool_call_output"):
            messages.append(_output(item, path, unsupported))
        elif kind == "reasoning":
            thoughts = _thoughts(item)
        elif kind not in _LEFT_BY_TOOLS:
            unsupported[path] = f"items of the type {kind}"
    if not messages:
        left_out = [f"{path}, {what}" for path, what in unsupported.items() if path.startswith("input[")]
        why = f"; this provider does not support {'; '.join(left_out)}" if left_out else ""
        raise InvalidField("input", f"must have an item that says something{why}.")
    return messages


def _message(item: dict[str, Any], path: str, unsupported: dict[str, str]) -> dict[str, Any]:
    role, content = item.get("role"), item.get("content")
    if role not in ("user", "assistant", "system", "developer"):
        raise InvalidField(f"{path}.role", "must be user, assistant, system or developer.")
    if role == "developer":
        role = "system"
    if isinstance(content, str):
        return {"role": role, "content": content}
    parts = _parts(content, f"{path}.content", unsupported)
    if role == "assistant" and all(part["type"] == "text" for part in parts):
        return {"role": role, "content": "".join(part["text"] for part in parts)}
    return {"role": role, "content": parts}


def _parts(content: object, path: str, unsupported: dict[str, str]) -> list[dict[str, Any]]:
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of parts.")
    parts: list[dict[str, Any]] = []
    for index, part in enumerate(content):
        at = f"{path}[{index}]"
        if not isinstance(part, dict):
            raise InvalidField(at, "must be an object.")
        kind = part.get("type")
        if kind in ("input_text", "output_text", "text"):
            parts.append({"type": "text", "text": _string(part, "text", at)})
        elif kind == "refusal":
            parts.append({"type": "text", "text": _string(part, "refusal", at)})
        elif kind == "input_image" and isinstance(part.get("image_url"), str):
            image = {"url": part["image_url"]}
            if isinstance(part.get("detail"), str) and part["detail"] != "auto":
                image["detail"] = part["detail"]
            parts.append({"type": "image_url", "image_url": image})
        elif kind == "input_file":
            parts.append({"type": "file", "file": _file(part, at)})
        elif kind == "input_audio" and isinstance(part.get("input_audio"), dict):
            parts.append({"type": "input_audio", "input_audio": part["input_audio"]})
        else:
            unsupported[at] = f"parts of the type {kind}"
    return parts


def _file(part: dict[str, Any], path: str) -> dict[str, Any]:
    file = {name: part[name] for name in ("file_data", "file_id", "filename") if isinstance(part.get(name), str)}
    if isinstance(part.get("file_url"), str):
        file["file_id"] = part["file_url"]
    if "file_data" not in file and "file_id" not in file:
        raise InvalidField(path, "must have file_data, file_id or file_url.")
    return file


def _call(item: dict[str, Any], kind: str, path: str) -> dict[str, Any]:
    call_id, name = _string(item, "call_id", path), _string(item, "name", path)
    if kind == "custom_tool_call":
        return {"id": call_id, "type": "custom", "custom": {"name": name, "input": _string(item, "input", path)}}
    function = {"name": name, "arguments": _string(item, "arguments", path)}
    return {"id": call_id, "type": "function", "function": function}


def _add_call(messages: Messages, call: dict[str, Any], thoughts: dict[str, Any]) -> None:
    if thoughts or not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None, **thoughts})
    messages[-1].setdefault("tool_calls", []).append(call)


def _output(item: dict[str, Any], path: str, unsupported: dict[str, str]) -> dict[str, Any]:
    output = item.get("output")
    content = output if isinstance(output, str) else _parts(output, f"{path}.output", unsupported)
    return {"role": "tool", "tool_call_id": _string(item, "call_id", path), "content": content}


def _thoughts(item: dict[str, Any]) -> dict[str, Any]:
    """Return the thought in the fields of a message: blocks with signatures, where we gave them sealed."""
    parts = [part for name in ("content", "summary") if isinstance(item.get(name), list) for part in item[name]]
    text = "".join(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))
    said: dict[str, Any] = {"reasoning_content": text} if text else {}
    blocks = unsealed(item.get("encrypted_content"))
    return {**said, "thinking_blocks": blocks} if blocks else said


def _string(holder: dict[str, Any], name: str, path: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise InvalidField(f"{path}.{name}", "must be a string.")
    return value
