"""Calls of functions: OpenAI's with a JSON string and an id, Gemini's with an object and, at times, an id.

A call's thought has a signature that must go back with it. It is kept in three places, the first that is still there
counts: `extra_content.google.thought_signature` (Google's own OpenAI interface), `provider_specific_fields` (LiteLLM)
and the call's id (thought_ids.py).
"""

from typing import Any

import orjson

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.chat.functions import call_of
from services.router.providers.chat.thought_ids import split_thought, with_thought
from services.router.providers.gemini.requests.content import Parts

_MADE_HERE = "call_"


def tool_call(part: dict[str, Any], made_id: str) -> dict[str, Any]:
    """Translate a functionCall part of an answer; `made_id` is its id where Gemini gives none."""
    function, signature = part["functionCall"], part.get("thoughtSignature")
    call: dict[str, Any] = {
        "id": with_thought(str(function.get("id") or f"{_MADE_HERE}{made_id}"), signature),
        "type": "function",
        "function": {
            "name": function.get("name", ""),
            "arguments": orjson.dumps(function.get("args") or {}).decode(),
        },
    }
    if signature:
        call["provider_specific_fields"] = {"thought_signature": signature}
        call["extra_content"] = {"google": {"thought_signature": signature}}
    return call


def function_call_parts(calls: object, path: str, names: dict[str, str]) -> Parts:
    """Translate the `tool_calls` of an assistant message; note each call's function in `names`, by the call's id."""
    if calls is None:
        return []
    if not isinstance(calls, list):
        raise InvalidField(path, "must be a list of tool calls.")
    return [_function_call(call, f"{path}[{index}]", names) for index, call in enumerate(calls)]


def function_name_of(call_id: str, names: dict[str, str]) -> str | None:
    return names.get(split_thought(call_id)[0])


def own_id(call_id: str) -> str | None:
    """Return the id that Gemini itself gave to the call, None where it was made here or by another provider."""
    own = split_thought(call_id)[0]
    return None if own.startswith((_MADE_HERE, "toolu_")) else own


def _function_call(call: object, path: str, names: dict[str, str]) -> dict[str, Any]:
    told = call_of(call, path, provider="Gemini")
    names[split_thought(told.id)[0]] = told.name
    own: dict[str, Any] = {"name": told.name, "args": told.arguments}
    if (given := own_id(told.id)) is not None:
        own["id"] = given
    signature = _signature(call if isinstance(call, dict) else {}, told.id)
    return {"functionCall": own, "thoughtSignature": signature} if signature else {"functionCall": own}


def _signature(call: dict[str, Any], call_id: str) -> str | None:
    extra, own = call.get("extra_content"), call.get("provider_specific_fields")
    google = extra.get("google") if isinstance(extra, dict) else None
    for holder in (google, own):
        given = holder.get("thought_signature") if isinstance(holder, dict) else None
        if isinstance(given, str) and given:
            return given
    return split_thought(call_id)[1]
