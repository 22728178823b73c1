"""An OpenAI chat completions body, as the body of Anthropic's Messages API."""

import re
from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.anthropic.abilities import Abilities, abilities_of
from services.router.providers.anthropic.requests.conversation import split_conversation, tool_names_in
from services.router.providers.anthropic.requests.output_format import ANSWER_TOOL, answer_tool, format_of
from services.router.providers.anthropic.requests.sampling import sampling_of, stop_sequences_of
from services.router.providers.anthropic.requests.thinking import budget_of, is_thinking, thinking_of
from services.router.providers.anthropic.requests.tools import choice_of, tools_of
from services.router.providers.chat.body import max_tokens_of
from services.router.providers.chat.neutral import asked_for, foreign, lacking

_WITHOUT_COUNTERPART = lacking(
    *("n", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty", "logit_bias", "verbosity", "seed"),
    *("prediction", "moderation"),
)
_HINTS = frozenset({"stream_options", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options"})
"""They change nothing in the answer (stream_options is the gateway's), so leaving them out is right."""

_TRANSLATED = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "stream",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "web_search_options",
        "response_format",
        "reasoning_effort",
        "thinking",
        "output_config",
        "user",
        "safety_identifier",
        "metadata",
        "service_tier",
    }
)

_SERVICE_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_PERSONAL = re.compile(r".*@.*|\+?[\d\s().-]{7,}")  # a mail address or a telephone number
_KNOWN = frozenset((*_TRANSLATED, *_WITHOUT_COUNTERPART, *_HINTS))


def to_messages(body: dict[str, Any], *, model: str, drop_params: bool, default_max_tokens: int) -> dict[str, Any]:
    """Return the Messages body for `body`; `default_max_tokens` is used where the caller set no limit.

    Fields that are neither OpenAI's nor known here (mcp_servers, container, ...) go through untouched.

    Raises:
        UnsupportedParameter: Anthropic has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = dict.fromkeys(asked_for(body, _WITHOUT_COUNTERPART), "")
    abilities = abilities_of(model)
    request = foreign(body, _KNOWN)
    system, turns = split_conversation(body.get("messages"))
    limit = max_tokens_of(body)
    thinking, effort = thinking_of(body, abilities, limit, unsupported)
    request |= {
        "model": model,
        "max_tokens": limit if limit is not None else default_max_tokens + budget_of(thinking),
        "messages": turns,
    }
    request |= _system(body, system)
    request |= _tools(body, abilities, thinking, turns, unsupported)
    request |= sampling_of(body, abilities, thinking=is_thinking(thinking), unsupported=unsupported)
    if thinking is not None:
        request["thinking"] = thinking
    if output_config := _output_config(body, abilities, effort):
        request["output_config"] = output_config
    if sequences := stop_sequences_of(body, unsupported):
        request["stop_sequences"] = sequences
    if body.get("stream"):
        request["stream"] = True
    if user_id := _user_id(body):
        request["metadata"] = {"user_id": user_id}
    if (tier := body.get("service_tier")) is not None:
        if isinstance(tier, str) and tier in _SERVICE_TIERS:
            request["service_tier"] = _SERVICE_TIERS[tier]
        else:
            unsupported["service_tier"] = f"no tier {tier!r}"
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported, provider=f"Anthropic ({model})")
    return request


def _system(body: dict[str, Any], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    own = body.get("system")
    if own is None:
        return {"system": blocks} if blocks else {}
    if blocks:
        raise InvalidField("system", "stands beside a system message; give the system prompt in one place.")
    return {"system": own}


def _tools(
    body: dict[str, Any],
    abilities: Abilities,
    thinking: dict[str, Any] | None,
    turns: list[dict[str, Any]],
    unsupported: dict[str, str],
) -> dict[str, Any]:
    tools, choice = choice_of(body, tools_of(body, abilities, unsupported), unsupported)
    # A thinking budget and a forced tool exclude each other:
    # https://platform.claude.com/docs/en/build-with-claude/thinking-tool-workflows
    can_force = abilities.forced_tools and not budget_of(thinking)
    if choice is not None and choice["type"] in ("any", "tool") and not can_force:
        unsupported["tool_choice"] = "this model, as set here, cannot be made to call a tool; use auto"
        choice = {**choice, "type": "auto"}
        choice.pop("name", None)
    if (answer := answer_tool(body, abilities)) is not None:
        if any(tool.get("name") == ANSWER_TOOL for tool in tools):
            raise InvalidField("tools", f"must not have a tool named {ANSWER_TOOL} beside response_format.")
        if can_force and (choice is None or choice["type"] in ("auto", "none")):
            named = {"type": "tool", "name": ANSWER_TOOL}
            choice = named if not tools or (choice or {}).get("type") == "none" else {**(choice or {}), "type": "any"}
        tools = [*tools, answer]
    if not tools and (names := tool_names_in(turns)):
        # Anthropic wants the tools of earlier calls declared, even where none may be called any more.
        tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in names]
        choice = {"type": "none"}
    return ({"tools": tools} if tools else {}) | ({"tool_choice": choice} if choice is not None else {})


def _output_config(body: dict[str, Any], abilities: Abilities, effort: str | None) -> dict[str, Any]:
    own = body.get("output_config")
    if own is not None and not isinstance(own, dict):
        raise InvalidField("output_config", "must be an object.")
    derived: dict[str, Any] = {"effort": effort} if effort is not None else {}
    if (wanted := format_of(body, abilities)) is not None:
        derived["format"] = wanted
    return derived | (own or {})


def _user_id(body: dict[str, Any]) -> str | None:
    """Return an identifier of the end user, unless it looks personal: Anthropic refuses those.

    Other metadata of the caller is for the gateway, and Anthropic refuses unknown metadata.
    """
    metadata = body.get("metadata")
    own = metadata.get("user_id") if isinstance(metadata, dict) else None
    for candidate in (own, body.get("user"), body.get("safety_identifier")):
        if isinstance(candidate, str) and candidate and not _PERSONAL.fullmatch(candidate):
            return candidate
    return None
