"""An OpenAI chat completions body, as the body of Cohere's v2 Chat API. https://docs.cohere.com/reference/chat"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of, number_in, texts_in
from services.router.providers.chat.functions import Function, function_of, tools_given
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking
from services.router.providers.cohere.conversation import messages_of

_WITHOUT_COUNTERPART = lacking(
    *("n", "top_logprobs", "logit_bias", "parallel_tool_calls", "verbosity", "service_tier", "prediction"),
    "web_search_options",
)
_SAME = ("temperature", "seed", "frequency_penalty", "presence_penalty")
_TRANSLATED = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "stop", "top_p", "top_k", "stream", "tools"}
    | {"tool_choice", "response_format", "reasoning_effort", "thinking", "logprobs", *_SAME}
)
_KNOWN = frozenset((*_TRANSLATED, *_WITHOUT_COUNTERPART, *HINTS))


def to_chat(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body for Cohere. Fields that are neither OpenAI's nor known here (documents, ...) go through.

    Raises:
        UnsupportedParameter: Cohere has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    own = foreign(body, _KNOWN)
    request: dict[str, Any] = {**own, "model": model, "messages": messages_of(body.get("messages"))}
    for name, value in (
        ("max_tokens", max_tokens_of(body)),
        ("p", number_in(body, "top_p")),
        ("k", number_in(body, "top_k")),
        *((name, number_in(body, name)) for name in _SAME),
    ):
        if value is not None:
            request[name] = value
    if stop := texts_in(body, "stop"):
        request["stop_sequences"] = stop
    if body.get("stream"):
        request["stream"] = True
    if body.get("logprobs"):
        request["logprobs"] = True
    request |= _tools(body, unsupported)
    request |= _response_format(body.get("response_format"))
    request |= _thinking(body)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Cohere ({model})")
    return request


def _tools(body: dict[str, Any], unsupported: dict[str, str]) -> dict[str, Any]:
    """Cohere can be made to call a tool, but not a certain one: then it is given that one alone."""
    functions = [function_of(tool, path) for path, tool in tools_given(body.get("tools"))]
    if not functions:
        return {}
    tools = [{"type": "function", "function": _declared(function)} for function in functions]
    strict = any(function.strict for function in functions)
    sent: dict[str, Any] = {"tools": tools} | ({"strict_tools": True} if strict else {})
    choice = body.get("tool_choice")
    if choice in ("required", "none"):
        return {**sent, "tool_choice": choice.upper()}
    if choice is None or choice == "auto":
        return sent
    chosen = choice.get("function") if isinstance(choice, dict) else None
    name = chosen.get("name") if isinstance(chosen, dict) else None
    named = [tool for tool, function in zip(tools, functions, strict=True) if function.name == name]
    if not named:
        raise InvalidField("tool_choice", "must be auto, none, required, or name one of the tools.")
    return {**sent, "tools": named, "tool_choice": "REQUIRED"}


def _declared(function: Function) -> dict[str, Any]:
    told = {"description": function.description} if function.description else {}
    return {"name": function.name, **told, "parameters": function.parameters or {"type": "object", "properties": {}}}


def _response_format(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    kind = given.get("type") if isinstance(given, dict) else None
    if not isinstance(given, dict) or kind not in ("text", "json_object", "json_schema"):
        raise InvalidField("response_format.type", "must be one of text, json_object, json_schema.")
    if kind == "text":
        return {}
    if kind == "json_object":
        schema = given.get("json_schema") or given.get("schema")  # Cohere's own form, and LiteLLM's
        return {"response_format": {"type": "json_object"} | ({"json_schema": schema} if schema else {})}
    described = given.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if not isinstance(schema, dict):
        raise InvalidField("response_format.json_schema.schema", "must be a JSON schema.")
    return {"response_format": {"type": "json_object", "json_schema": schema}}


def _thinking(body: dict[str, Any]) -> dict[str, Any]:
    """Cohere thinks or does not, perhaps within a budget. https://docs.cohere.com/docs/reasoning"""
    thinking, effort = body.get("thinking"), body.get("reasoning_effort")
    if thinking is not None:
        if not isinstance(thinking, dict) or thinking.get("type") not in ("enabled", "adaptive", "disabled"):
            raise InvalidField("thinking.type", "must be enabled, adaptive or disabled.")
        if thinking["type"] == "disabled":
            return {"thinking": {"type": "disabled"}}
        budget = thinking.get("budget_tokens", thinking.get("token_budget"))
        return {"thinking": {"type": "enabled", **({"token_budget": budget} if budget is not None else {})}}
    if effort is None:
        return {}
    return {"thinking": {"type": "disabled" if effort in ("none", "disable", "minimal") else "enabled"}}
