"""The body of a request for a response, as the body of a chat request.

Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Any

from services.router.dialects.responses.items import messages_of
from services.router.dialects.responses.tools import choice_of, tools_of
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter

_SAME = (
    "model",
    "temperature",
    "top_p",
    "stream",
    "parallel_tool_calls",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
)
_TRANSLATED = {
    *_SAME, "input", "instructions", "max_output_tokens", "text", "reasoning", "tools", "tool_choice", "top_logprobs",
    "include", "previous_response_id", "store", "metadata",
}  # fmt: skip
_HINTS = {"truncation", "stream_options", "prompt_cache_retention"}
"""They say how to work, not what to answer: a provider without them may leave them out."""

_WITHOUT_COUNTERPART = {
    "background": (False,),
    "conversation": (),
    "prompt": (),
    "max_tool_calls": (),
    "moderation": (),
}
"""What only OpenAI's own service has, each with the values that ask for nothing."""

LOGPROBS = "message.output_text.logprobs"


def to_chat(body: dict[str, Any], *, drop_params: bool) -> dict[str, Any]:
    """Return the chat body. The turns before, where there were any, stand in `input` by now.

    Raises:
        UnsupportedParameter: chat has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = {
        name: ""
        for name, neutral in _WITHOUT_COUNTERPART.items()
        if body.get(name) is not None and body[name] not in neutral
    }
    chat = {name: body[name] for name in _SAME if body.get(name) is not None}
    chat |= {name: value for name, value in body.items() if _is_foreign(name) and value is not None}
    chat["messages"] = _instructions(body.get("instructions")) + messages_of(body.get("input"), unsupported)
    if body.get("max_output_tokens") is not None:
        chat["max_tokens"] = body["max_output_tokens"]
    tools, search = tools_of(body.get("tools"), unsupported)
    if tools:
        chat["tools"] = tools
    else:
        chat.pop("parallel_tool_calls", None)  # it is refused where there are no tools
    if search is not None:
        chat["web_search_options"] = search
    chat |= choice_of(body.get("tool_choice"), unsupported) if tools else {}
    chat |= _text(body.get("text")) | _reasoning(body.get("reasoning")) | _logprobs(body)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported)
    return chat


def _is_foreign(name: str) -> bool:
    return name not in _TRANSLATED and name not in _HINTS and name not in _WITHOUT_COUNTERPART


def _instructions(given: object) -> list[dict[str, Any]]:
    if given is None or given == "":
        return []
    if not isinstance(given, str):
        raise InvalidField("instructions", "must be a string.")
    return [{"role": "system", "content": given}]


def _text(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidField("text", "must be an object.")
    said: dict[str, Any] = {"verbosity": given["verbosity"]} if given.get("verbosity") is not None else {}
    wanted = given.get("format")
    if wanted is None:
        return said
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return said
    if kind == "json_object":
        return {**said, "response_format": {"type": "json_object"}}
    if kind != "json_schema" or not isinstance(wanted.get("schema"), dict):
        raise InvalidField("text.format", "must be of the type text, json_object or json_schema, with a schema.")
    schema = {
        name: wanted[name] for name in ("name", "description", "schema", "strict") if wanted.get(name) is not None
    }
    return {**said, "response_format": {"type": "json_schema", "json_schema": schema}}


def _reasoning(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidField("reasoning", "must be an object.")
    effort = given.get("effort")
    return {"reasoning_effort": effort} if effort is not None else {}


def _logprobs(body: dict[str, Any]) -> dict[str, Any]:
    include = body.get("include") or ()
    if not isinstance(include, list | tuple):
        raise InvalidField("include", "must be a list.")
    count = body.get("top_logprobs")
    if not count and LOGPROBS not in include:
        return {}
    return {"logprobs": True, **({"top_logprobs": count} if count else {})}
