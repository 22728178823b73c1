"""An OpenAI chat completions body, as the body of Bedrock's Converse."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL
from services.router.providers.bedrock.converse.abilities import Abilities, abilities_of
from services.router.providers.bedrock.converse.conversation import split_conversation, tool_names_in
from services.router.providers.bedrock.converse.inference import (
    inference_config,
    own_thinking,
    text_format,
)
from services.router.providers.bedrock.converse.tools import answer_tool, choice_of, stand_in, tools_of
from services.router.providers.bedrock.model_id import ModelId
from services.router.providers.chat.answer_schema import answer_schema
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking

_WITHOUT_COUNTERPART = lacking(
    *("n", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "verbosity", "seed"),
    *("prediction", "moderation", "web_search_options"),
)
_HINTS = HINTS | {"metadata", "stream", "model"}
_TRANSLATED = frozenset(
    {
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "reasoning_effort",
        "thinking",
        "service_tier",
    }
)
OWN_FIELDS = frozenset(
    {
        "additionalModelRequestFields",
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "inferenceConfig",
        "outputConfig",
        "performanceConfig",
        "projectIdentifier",
        "promptVariables",
        "requestMetadata",
        "serviceTier",
        "system",
        "toolConfig",
    }
)
"""Converse's own fields, which go through; an object is joined with the translated one, whose fields it wins over."""

_TIERS = {"priority": "priority", "flex": "flex", "default": "default", "reserved": "reserved"}
_KNOWN = frozenset((*_TRANSLATED, *_HINTS, *OWN_FIELDS, *_WITHOUT_COUNTERPART))


def to_converse(body: dict[str, Any], model: ModelId, *, drop_params: bool) -> dict[str, Any]:
    """Return Converse's body for `body`. Fields known to neither side go to the model: additionalModelRequestFields.

    Raises:
        UnsupportedParameter: there is no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    abilities = abilities_of(model)
    system, turns = split_conversation(body.get("messages"), abilities)
    own, effort = own_thinking(body, model, abilities, unsupported)
    request: dict[str, Any] = {"messages": turns}
    if system:
        request["system"] = system
    output: dict[str, Any] = {"effort": effort} if effort is not None else {}
    request |= _tools(body, turns, abilities, own, output, unsupported)
    if config := inference_config(body, model, abilities, own, unsupported):
        request["inferenceConfig"] = config
    if output:
        request["outputConfig"] = output
    if (tier := body.get("service_tier")) not in (None, "auto"):
        if isinstance(tier, str) and tier in _TIERS:
            request["serviceTier"] = {"type": _TIERS[tier]}
        else:
            unsupported["service_tier"] = f"no tier {tier!r}"
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Bedrock ({model.id})")
    own |= foreign(body, _KNOWN)
    if own:
        request["additionalModelRequestFields"] = own
    return joined(request, {name: value for name, value in body.items() if name in OWN_FIELDS and value is not None})


def joined(request: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return the request with `extra` over it: Converse's own fields in their places, all others for the model."""
    result = dict(request)
    for name, value in extra.items():
        place, added = (name, value) if name in OWN_FIELDS else ("additionalModelRequestFields", {name: value})
        known = result.get(place)
        result[place] = {**known, **added} if isinstance(known, dict) and isinstance(added, dict) else added
    return result


def _tools(
    body: dict[str, Any],
    turns: list[dict[str, Any]],
    abilities: Abilities,
    own: dict[str, Any],
    output: dict[str, Any],
    unsupported: dict[str, str],
) -> dict[str, Any]:
    """Return toolConfig, if there is any; structured output goes into `output`, or becomes a tool."""
    tools, native = tools_of(body, abilities, unsupported)
    # A thinking budget and a forced tool exclude each other, as at Anthropic.
    can_force = (own.get("thinking") or {}).get("type") != "enabled"
    tools, choice = choice_of(body, tools, abilities, unsupported, can_force=can_force)
    wanted = answer_schema(body)
    if wanted is not None and wanted.schema and abilities.structured_output:
        output["textFormat"] = text_format(*wanted)
    elif wanted is not None and not abilities.tools:
        unsupported["response_format"] = "this model has no structured output"
    elif wanted is not None:
        if any((tool.get("toolSpec") or {}).get("name") == ANSWER_TOOL for tool in tools):
            raise InvalidField("tools", f"must not have a tool named {ANSWER_TOOL} beside response_format.")
        if can_force and choice is None:
            choice = _forced(tools, abilities)
        tools = [*tools, answer_tool(*wanted)]
    if not tools and (names := tool_names_in(turns)):
        tools = [stand_in(name) for name in names]
    if native:
        own["tools"] = native
    if not tools:
        return {}
    return {"toolConfig": {"tools": tools} | ({"toolChoice": choice} if choice is not None else {})}


def _forced(tools: list[dict[str, Any]], abilities: Abilities) -> dict[str, Any] | None:
    """Return the choice that makes the model answer by a tool."""
    if abilities.forced_tool == "none":
        return None
    return {"any": {}} if tools or abilities.forced_tool == "any" else {"tool": {"name": ANSWER_TOOL}}
