"""The messages of a chat request, as Gemini's system instruction and its turns of user and model.

Sources: https://ai.google.dev/api/caching#Content, https://ai.google.dev/gemini-api/docs/function-calling,
https://ai.google.dev/gemini-api/docs/thought-signatures (each goes back in the part it came with).
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.messages import messages_given
from services.router.providers.chat.thought_ids import split_thought
from services.router.providers.gemini.abilities import Abilities
from services.router.providers.gemini.requests.content import Parts, parts_of
from services.router.providers.gemini.requests.function_calls import function_call_parts, function_name_of, own_id

NEW_TEXT = "skip_thought_signature_validator"
"""Stands for a signature in calls that Gemini did not make, as its documentation says."""


def split_conversation(messages: object, abilities: Abilities) -> tuple[Parts, list[dict[str, Any]]]:
    """Return the system instruction's parts, in order wherever they stood, and the turns, user and model in turn."""
    system: Parts = []
    turns: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # of the functions called, by the call's id
    for path, message in _in_order_of_calls(messages_given(messages)):
        role = message.get("role")
        if role in ("system", "developer"):
            parts = parts_of(message.get("content"), f"{path}.content")
            if any("text" not in part for part in parts):
                raise InvalidField(f"{path}.content", "must be text: a system prompt takes nothing else.")
            system += parts
        elif role == "user":
            _append(turns, "user", parts_of(message.get("content"), f"{path}.content"))
        elif role == "assistant":
            _append(turns, "model", _model_parts(message, names, abilities, path))
        elif role == "tool":
            _append(turns, "user", _response_parts(message, names, abilities, path))
        elif role == "function":
            raise InvalidField(f"{path}.role", "function is not supported; use role tool with a tool_call_id.")
        else:
            raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")
    if not turns:
        raise InvalidField("messages", "must have a message with text or another content beside the system prompt.")
    return system, turns


def _in_order_of_calls(given: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the messages, results of parallel calls as their calls stand: where it gave no ids, Gemini goes by that."""
    results: list[tuple[str, dict[str, Any]]] = []
    calls: list[str] = []
    for path, message in given:
        role = message.get("role")
        if role == "tool":
            results.append((path, message))
            continue
        yield from _sorted(results, calls)
        results = []
        if role == "assistant":
            made = message.get("tool_calls")
            calls = (
                [_call_id(call.get("id")) for call in made if isinstance(call, dict)] if isinstance(made, list) else []
            )
        yield path, message
    yield from _sorted(results, calls)


def _sorted(results: list[tuple[str, dict[str, Any]]], calls: list[str]) -> list[tuple[str, dict[str, Any]]]:
    place = {call: index for index, call in enumerate(calls)}
    return sorted(results, key=lambda result: place.get(_call_id(result[1].get("tool_call_id")), len(calls)))


def _call_id(given: object) -> str:
    return split_thought(given)[0] if isinstance(given, str) else ""


def _model_parts(message: dict[str, Any], names: dict[str, str], abilities: Abilities, path: str) -> Parts:
    if message.get("function_call") is not None:
        raise InvalidField(f"{path}.function_call", "is not supported; use tool_calls.")
    parts = parts_of(message.get("content"), f"{path}.content")
    if not parts and isinstance(message.get("refusal"), str):
        parts = parts_of(message["refusal"], f"{path}.refusal")
    parts += _images(message.get("images"), f"{path}.images")
    if parts and (signature := _text_signature(message)) is not None:
        parts[-1] = {**parts[-1], "thoughtSignature": signature}
    calls = function_call_parts(message.get("tool_calls"), f"{path}.tool_calls", names)
    if calls and abilities.signatures and not any("thoughtSignature" in call for call in calls):
        calls[0] = {**calls[0], "thoughtSignature": NEW_TEXT}
    return parts + calls


def _text_signature(message: dict[str, Any]) -> str | None:
    """Return the signature that a text came with; the last one, where a stream brought several."""
    own, extra = message.get("provider_specific_fields"), message.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    if isinstance(google, dict) and isinstance(google.get("thought_signature"), str) and google["thought_signature"]:
        return str(google["thought_signature"])
    given = own.get("thought_signatures") if isinstance(own, dict) else None
    if isinstance(given, list) and given and isinstance(given[-1], str):
        return given[-1]
    return None


def _images(given: object, path: str) -> Parts:
    """Return the images of an answer that comes back, in the form in which we gave them."""
    if not isinstance(given, list):
        return []
    return parts_of([image for image in given if isinstance(image, dict) and image.get("type") == "image_url"], path)


def _response_parts(message: dict[str, Any], names: dict[str, str], abilities: Abilities, path: str) -> Parts:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        raise InvalidField(f"{path}.tool_call_id", "must be the id of the tool call that this answers.")
    name = function_name_of(call_id, names) or message.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidField(f"{path}.tool_call_id", f"is {call_id[:80]!r}, which no tool call before it has.")
    parts = parts_of(message.get("content"), f"{path}.content")
    text = "".join(part["text"] for part in parts if "text" in part)
    media = [part for part in parts if "text" not in part]
    response: dict[str, Any] = {"name": name, "response": _response(text, message.get("is_error") is True)}
    if (own := own_id(call_id)) is not None:
        response["id"] = own
    if media and abilities.media_in_results:
        response["parts"] = media
        media = []
    return [{"functionResponse": response}, *media]


def _response(text: str, failed: bool) -> dict[str, Any]:
    """Return what a function returned as the object that Gemini wants; a JSON object stays what it is."""
    if failed:
        return {"error": text}
    if text.lstrip().startswith("{"):
        try:
            decoded = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"output": text}
        if isinstance(decoded, dict):
            return decoded
    return {"output": text}


def _append(turns: list[dict[str, Any]], role: str, parts: Parts) -> None:
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"] += parts
    else:
        turns.append({"role": role, "parts": parts})
