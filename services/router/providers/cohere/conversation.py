"""The messages of a chat request, as Cohere's. Source: https://docs.cohere.com/reference/chat#request.body.messages"""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.messages import messages_given

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


def messages_of(messages: object) -> list[dict[str, Any]]:
    """Return the messages in Cohere's form.

    Raises:
        InvalidField
    """
    return [_message(message, path) for path, message in messages_given(messages)]


def _message(message: dict[str, Any], path: str) -> dict[str, Any]:
    role = _ROLES.get(str(message.get("role")))
    if role is None:
        raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")
    content = _content(message.get("content"), f"{path}.content")
    if role == "assistant":
        return _assistant(message, content, path)
    if role == "tool":
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str) or not call_id:
            raise InvalidField(f"{path}.tool_call_id", "must be the id of the tool call that this answers.")
        return {"role": role, "tool_call_id": call_id, "content": content if content is not None else ""}
    if content is None:
        raise InvalidField(f"{path}.content", "must be a string or a list of content parts.")
    return {"role": role, "content": content}


def _assistant(message: dict[str, Any], content: Any, path: str) -> dict[str, Any]:
    """A text beside calls is what Cohere calls the plan of its tools; so it came from there, and so it goes back."""
    calls = message.get("tool_calls")
    if message.get("function_call") is not None:
        raise InvalidField(f"{path}.function_call", "is not supported; use tool_calls.")
    if not calls:
        if content is None:
            content = message.get("refusal") or ""
        return {"role": "assistant", "content": content}
    if not isinstance(calls, list):
        raise InvalidField(f"{path}.tool_calls", "must be a list of tool calls.")
    sent: dict[str, Any] = {"role": "assistant", "tool_calls": [_call(call, path, n) for n, call in enumerate(calls)]}
    plan = content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
    return {**sent, "tool_plan": plan} if plan else sent


def _call(call: object, path: str, index: int) -> dict[str, Any]:
    where = f"{path}.tool_calls[{index}]"
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise InvalidField(f"{where}.function", "must be an object with a name and arguments.")
    arguments = function.get("arguments") or "{}"
    if not isinstance(arguments, str):
        raise InvalidField(f"{where}.function.arguments", "must be JSON in a string.")
    try:
        orjson.loads(arguments)
    except orjson.JSONDecodeError as error:
        raise InvalidField(f"{where}.function.arguments", f"must be JSON in a string: {error}") from error
    return {
        "id": str(call.get("id", "")),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def _content(content: object, path: str) -> str | list[dict[str, Any]] | None:
    if content is None or isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(content)]


def _part(part: object, path: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise InvalidField(path, "must be an object with a type.")
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(kind)
        if not isinstance(text, str):
            raise InvalidField(f"{path}.{kind}", "must be a string.")
        return {"type": "text", "text": text}
    if kind == "image_url":
        image = part.get("image_url")
        image = {"url": image} if isinstance(image, str) else image
        if not isinstance(image, dict) or not isinstance(image.get("url"), str):
            raise InvalidField(f"{path}.image_url", "must be an object with a url.")
        return {"type": "image_url", "image_url": {name: image[name] for name in ("url", "detail") if image.get(name)}}
    if kind == "document":
        return part  # Cohere's own
    raise InvalidField(f"{path}.type", "must be one of text, image_url, document: Cohere takes nothing else.")
