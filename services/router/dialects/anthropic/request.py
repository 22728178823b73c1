"""The body of a Messages request, as the body of a chat request.

Source: https://platform.claude.com/docs/en/api/messages
"""

import hashlib
from typing import Any

from services.router.dialects.anthropic.content import text_parts
from services.router.dialects.anthropic.conversation import messages_of
from services.router.dialects.anthropic.tools import choice_of, tools_of
from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter

_SAME = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream")
_TRANSLATED = {
    *_SAME, "messages", "system", "stop_sequences", "tools", "tool_choice", "thinking", "output_config",
    "output_format", "metadata", "service_tier",
}  # fmt: skip
_HINTS = {"cache_control", "context_management", "inference_geo", "speed", "user_profile_id"}
"""They say how to work, not what to answer: a provider without them may leave them out."""

_WITHOUT_COUNTERPART = ("container", "mcp_servers")

_EFFORT_OF_BUDGET = ((1024, "low"), (2048, "medium"))
"""(a budget of thinking tokens, the effort that LiteLLM reads it as); larger ones are high."""

_EFFORTS = {"low", "medium", "high", "xhigh", "max"}
_TIERS = {"auto": "auto", "standard_only": "default"}
USER_MAX = 64
"""Letters of a user's name that OpenAI takes; Claude Code's have more, and are told by their hash."""


def to_chat(body: dict[str, Any], *, drop_params: bool) -> dict[str, Any]:
    """Return the chat body.

    Fields that are neither Anthropic's nor known here go through.

    Raises:
        UnsupportedParameter: chat has no counterpart; with `drop_params` such fields are left out instead.
        InvalidField: the body is malformed there.
    """
    unsupported = {name: "" for name in _WITHOUT_COUNTERPART if body.get(name)}
    chat = {name: body[name] for name in _SAME if body.get(name) is not None}
    chat |= {name: value for name, value in body.items() if _is_foreign(name) and value is not None}
    chat["messages"] = _system(body.get("system")) + messages_of(body.get("messages"), unsupported)
    tools, search = tools_of(body.get("tools"), unsupported)
    if tools:
        chat["tools"] = tools
    if search is not None:
        chat["web_search_options"] = search
    chat |= choice_of(body.get("tool_choice"))
    if stop := _stop(body.get("stop_sequences")):
        chat["stop"] = stop
    chat |= _thinking(body)
    chat |= _format(body)
    if user := _user(body.get("metadata")):
        chat["user"] = user
    if (tier := _TIERS.get(str(body.get("service_tier")))) is not None:
        chat["service_tier"] = tier
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, why=unsupported)
    return chat


def _is_foreign(name: str) -> bool:
    return name not in _TRANSLATED and name not in _HINTS and name not in _WITHOUT_COUNTERPART


def _system(system: object) -> list[dict[str, Any]]:
    if system is None or system == "":
        return []
    if isinstance(system, str):
        return [{"role": "system", "content": system}]
    parts = text_parts(system, "system")
    return [{"role": "system", "content": parts}] if parts else []


def _stop(given: object) -> list[str]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(sequence, str) for sequence in given):
        raise InvalidField("stop_sequences", "must be a list of strings.")
    return given


def _thinking(body: dict[str, Any]) -> dict[str, Any]:
    """Return `thinking` as it came, for providers that know it, and the effort that says the same to others."""
    thinking, config = body.get("thinking"), body.get("output_config")
    effort = config.get("effort") if isinstance(config, dict) else None
    if effort is not None and (not isinstance(effort, str) or effort not in _EFFORTS):
        raise InvalidField("output_config.effort", f"must be one of {', '.join(sorted(_EFFORTS))}.")
    if thinking is None:
        return {"reasoning_effort": effort} if effort else {}
    if not isinstance(thinking, dict):
        raise InvalidField("thinking", "must be an object with a type.")
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind == "disabled":
        return {"thinking": thinking}
    if kind not in ("enabled", "adaptive"):
        raise InvalidField("thinking.type", "must be enabled, adaptive or disabled.")
    if effort is None and isinstance(budget, int):
        effort = next((name for most, name in _EFFORT_OF_BUDGET if budget <= most), "high")
    return {"thinking": thinking, "reasoning_effort": effort or "medium"}


def _format(body: dict[str, Any]) -> dict[str, Any]:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    wanted = wanted or body.get("output_format")  # the name it had before
    if wanted is None:
        return {}
    if (
        not isinstance(wanted, dict)
        or wanted.get("type") != "json_schema"
        or not isinstance(wanted.get("schema"), dict)
    ):
        raise InvalidField("output_config.format", "must be an object of the type json_schema, with a schema.")
    schema: dict[str, Any] = {"name": "answer", "schema": wanted["schema"]}
    if _is_strict(wanted["schema"]):
        schema["strict"] = True
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _is_strict(schema: object) -> bool:
    """Whether OpenAI takes a schema as a strict one: every object has all its properties, and no others."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if "properties" in schema:
        required = schema.get("required")
        if schema.get("additionalProperties") is not False or not isinstance(required, list):
            return False
        if set(required) != set(schema["properties"]):
            return False
    return all(map(_is_strict, schema.values()))


def _user(metadata: object) -> str | None:
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(user, str) or not user:
        return None
    return user if len(user) <= USER_MAX else hashlib.sha256(user.encode()).hexdigest()
