"""Contents and their parts, as chat messages.

Sources: https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling
"""

from collections import defaultdict
from typing import Any

import orjson

from services.router.dialects.gemini.fields import field, list_in
from services.router.dialects.gemini.thoughts import unsealed
from services.router.providers.answers.rejection import InvalidField

Messages = list[dict[str, Any]]

_OF_MEDIA = ("videoMetadata", "mediaResolution")
_LEFT_BY_TOOLS = ("executableCode", "codeExecutionResult")
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}


def system_of(given: object) -> Messages:
    if given is None:
        return []
    if isinstance(given, str):
        return [{"role": "system", "content": given}] if given else []
    if not isinstance(given, dict):
        raise InvalidField("systemInstruction", "must be a content with parts.")
    texts = [part.get("text") for part in list_in(given, "parts", "systemInstruction")]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidField("systemInstruction.parts", "must be text: a system instruction takes nothing else.")
    text = "\n\n".join(str(text) for text in texts if text)
    return [{"role": "system", "content": text}] if text else []


def messages_of(body: dict[str, Any], unsupported: dict[str, str]) -> Messages:
    """Return the messages: a content with results of functions becomes one for each result, then one for the rest."""
    contents = body.get("contents")
    if isinstance(contents, str):
        return [{"role": "user", "content": contents}]
    messages: Messages = []
    calls = _Calls()
    for index, content in enumerate(list_in(body, "contents", "")):
        path = f"contents[{index}]"
        role = content.get("role") or "user"
        if role not in ("user", "model", "function"):
            raise InvalidField(f"{path}.role", "must be user or model.")
        parts = list_in(content, "parts", path)
        if role == "model":
            messages += _model(parts, f"{path}.parts", calls, unsupported)
        else:
            messages += _user(parts, f"{path}.parts", calls, unsupported)
    if not messages:
        raise InvalidField("contents", "must have a content that says something.")
    return messages


class _Calls:
    """Ids of calls: Google's clients may leave them out, and mean the calls of a name in their order."""

    def __init__(self) -> None:
        self._open: dict[str, list[str]] = defaultdict(list)
        self._made = 0

    def called(self, call: dict[str, Any], name: str) -> str:
        given = call.get("id")
        self._made += 1
        call_id = given if isinstance(given, str) and given else f"call_{self._made}_{name}"
        self._open[name].append(call_id)
        return call_id

    def answered(self, response: dict[str, Any], name: str, path: str) -> str:
        given, waiting = response.get("id"), self._open[name]
        if isinstance(given, str) and given:
            if given in waiting:
                waiting.remove(given)
            return given
        if not waiting:
            raise InvalidField(f"{path}.functionResponse.name", f"is {name[:80]!r}, which no call before it has.")
        return waiting.pop(0)


def _user(parts: list[dict[str, Any]], path: str, calls: _Calls, unsupported: dict[str, str]) -> Messages:
    results: Messages = []
    said: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        at = f"{path}[{index}]"
        response = field(part, "functionResponse")
        if isinstance(response, dict):
            name = _name(response, f"{at}.functionResponse")
            told = _told(response, f"{at}.functionResponse")
            results.append({"role": "tool", "tool_call_id": calls.answered(response, name, at), "content": told})
        elif (found := _part(part, at)) is not None:
            said.append(found)
            unsupported |= {f"{at}.{name}": "" for name in _OF_MEDIA if field(part, name) is not None}
        elif not any(field(part, name) is not None for name in _LEFT_BY_TOOLS):
            unsupported[at] = "a part of this kind"
    if not said:
        return results
    if len(said) == 1 and said[0]["type"] == "text":
        return [*results, {"role": "user", "content": said[0]["text"]}]
    return [*results, {"role": "user", "content": said}]


def _model(parts: list[dict[str, Any]], path: str, calls: _Calls, unsupported: dict[str, str]) -> Messages:
    texts: list[str] = []
    thoughts: list[str] = []
    blocks: list[dict[str, Any]] = []
    called: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        at = f"{path}[{index}]"
        blocks += unsealed(field(part, "thoughtSignature"))
        call, text = field(part, "functionCall"), part.get("text")
        if isinstance(call, dict):
            name = _name(call, f"{at}.functionCall")
            function = {"name": name, "arguments": orjson.dumps(call.get("args") or {}).decode()}
            called.append({"id": calls.called(call, name), "type": "function", "function": function})
        elif isinstance(text, str):
            (thoughts if part.get("thought") else texts).append(text)
        elif field(part, "inlineData") is not None:
            unsupported[at] = "media in an answer"
    if not (texts or thoughts or called):
        return []
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if called:
        message["tool_calls"] = called
    if any(thoughts):
        message["reasoning_content"] = "".join(thoughts)
    if blocks:
        message["thinking_blocks"] = blocks
    return [message]


def _told(response: dict[str, Any], path: str) -> str | list[dict[str, Any]]:
    """Return what a function has returned: its JSON, and the media beside it."""
    text = orjson.dumps(response.get("response") or {}).decode()
    parts = [_part(part, f"{path}.parts[{at}]") for at, part in enumerate(list_in(response, "parts", path))]
    media = [part for part in parts if part is not None]
    return [{"type": "text", "text": text}, *media] if media else text


def _part(part: dict[str, Any], path: str) -> dict[str, Any] | None:
    text, inline, file = part.get("text"), field(part, "inlineData"), field(part, "fileData")
    if isinstance(text, str):
        return {"type": "text", "text": text}
    if isinstance(inline, dict):
        return _inline(inline, f"{path}.inlineData")
    if isinstance(file, dict):
        uri, media_type = field(file, "fileUri"), str(field(file, "mimeType") or "")
        if not isinstance(uri, str) or not uri:
            raise InvalidField(f"{path}.fileData.fileUri", "must be a string.")
        if (seen := _seen(media_type, uri)) is not None:
            return seen
        return {"type": "file", "file": {"file_id": uri, **({"format": media_type} if media_type else {})}}
    return None


def _inline(inline: dict[str, Any], path: str) -> dict[str, Any]:
    media_type, data = field(inline, "mimeType"), inline.get("data")
    if not isinstance(media_type, str) or not isinstance(data, str):
        raise InvalidField(path, "must have mimeType and data, as strings.")
    data = data.replace("-", "+").replace("_", "/")  # Google takes both alphabets
    url = f"data:{media_type};base64,{data}"
    if (seen := _seen(media_type, url)) is not None:
        return seen
    if media_type in _SOUNDS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _SOUNDS[media_type]}}
    return {"type": "file", "file": {"filename": f"file.{media_type.rpartition('/')[2]}", "file_data": url}}


def _seen(media_type: str, url: str) -> dict[str, Any] | None:
    """Return an image or a film as a part, None where it is neither."""
    for kind, name in (("image/", "image_url"), ("video/", "video_url")):
        if media_type.startswith(kind):
            return {"type": name, name: {"url": url}}
    return None


def _name(holder: dict[str, Any], path: str) -> str:
    name = holder.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.name", "must be a string.")
    return name
