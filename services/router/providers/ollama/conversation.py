"""The messages of a chat request, as Ollama's. Source: https://docs.ollama.com/api/chat"""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.messages import messages_given

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def messages_of(messages: object) -> list[dict[str, Any]]:
    """Return the messages in Ollama's form: texts and pictures apart, arguments as objects, results by tool name.

    Raises:
        InvalidField
    """
    names: dict[str, str] = {}  # of the tools that were called, by the id of the call
    return [_message(message, path, names) for path, message in messages_given(messages)]


def _message(message: dict[str, Any], path: str, names: dict[str, str]) -> dict[str, Any]:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")
    text, images = _content(message.get("content"), f"{path}.content")
    sent: dict[str, Any] = {"role": role, "content": text}
    if images:
        sent["images"] = images
    if role == "tool":
        name = message.get("name") or names.get(str(message.get("tool_call_id")))
        return {**sent, "tool_name": name} if name else sent
    if role == "assistant":
        if isinstance(message.get("reasoning_content"), str):
            sent["thinking"] = message["reasoning_content"]
        if message.get("function_call") is not None:
            raise InvalidField(f"{path}.function_call", "is not supported; use tool_calls.")
        if message.get("tool_calls"):
            sent["tool_calls"] = _calls(message["tool_calls"], f"{path}.tool_calls", names)
    return sent


def _calls(calls: object, path: str, names: dict[str, str]) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InvalidField(path, "must be a list of tool calls.")
    sent = []
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise InvalidField(f"{path}[{index}].function", "must be an object with a name and arguments.")
        names[str(call.get("id"))] = function["name"]
        sent.append({"function": {"name": function["name"], "arguments": _arguments(function, f"{path}[{index}]")}})
    return sent


def _arguments(function: dict[str, Any], path: str) -> dict[str, Any]:
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError as error:
        raise InvalidField(f"{path}.function.arguments", f"must be JSON in a string: {error}") from error
    if not isinstance(arguments, dict):
        raise InvalidField(f"{path}.function.arguments", "must be a JSON object in a string.")
    return arguments


def _content(content: object, path: str) -> tuple[str, list[str]]:
    """Return the text and the pictures, in base64."""
    if content is None or isinstance(content, str):
        return content or "", []
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    texts, images = [], []
    for index, part in enumerate(content):
        where = f"{path}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict) or kind not in ("text", "refusal", "image_url"):
            raise InvalidField(f"{where}.type", "must be text or image_url: Ollama takes nothing else.")
        if kind == "image_url":
            images.append(_image(part.get("image_url"), f"{where}.image_url"))
        elif isinstance(part.get(kind), str):
            texts.append(part[kind])
        else:
            raise InvalidField(f"{where}.{kind}", "must be a string.")
    return "\n".join(texts), images


def _image(image: object, path: str) -> str:
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise InvalidField(path, "must be an object with a url.")
    head, comma, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64") or not comma:
        raise InvalidField(f"{path}.url", "must be a data: URL in base64: Ollama loads no pictures from elsewhere.")
    return data
