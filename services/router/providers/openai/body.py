"""The body to send: the client's bytes with a few fields set, the rest never decoded."""

import re
from collections.abc import Mapping, Set
from typing import Any

import msgspec

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.base import ProviderCall
from services.router.providers.chat.thought_ids import MARK
from shared.serving.deployments import Deployment

CREDENTIALS = {"api_base", "api_key", "base_url"}
"""Where LiteLLM's clients put their own credentials. Deployments that take them have taken them out by now."""

OURS = CREDENTIALS | {
    "cache",
    "caching_groups",
    "content_policy_fallbacks",
    "context_window_fallbacks",
    "disable_fallbacks",
    "drop_params",
    "fallbacks",
    "guardrails",
    "litellm_session_id",
    "litellm_trace_id",
    "metadata",
    "mock_response",
    "num_retries",
    "priority",
    "router_settings_override",
    "tags",
    "timeout",
    "usage",
}
"""Fields of a request that speak to the gateway, not to a provider."""

MAX_TOKENS_FIELDS = ("max_tokens", "max_completion_tokens")
REASONING_FIELDS = MAX_TOKENS_FIELDS[1:]
"""All that reasoning models take: they refuse max_tokens, which most clients still send."""

_THOUGHT_MARK = MARK.encode()
_THOUGHT_IN_ID = re.compile(rb'("(?:tool_call_|tool_use_)?id"\s*:\s*"[^"\\]*?)' + _THOUGHT_MARK + rb'[^"]*"')

_ASKS_FOR_NOTHING = {b"null", b"false", b"0", b"0.0", b"{}", b"[]"}

_REASONING = re.compile(r"(?:.*/)?(?:o\d|gpt-(?:[5-9]|\d\d))")

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_messages = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_encode = msgspec.json.Encoder().encode


def outgoing_body(
    call: ProviderCall,
    deployment: Deployment,
    *,
    model: str | None = None,
    max_tokens_fields: tuple[str, ...] = MAX_TOKENS_FIELDS,
    stream_usage: bool = True,
    developer_role: bool = True,
    unsupported: frozenset[str] = frozenset(),
    provider: str = "",
    defaults: Mapping[str, Any] | None = None,
) -> bytes:
    """Return the body for `model`, the deployment's if None.

    `max_tokens_fields` are the names the provider knows for the maximum, the first where the client used none of them;
    `stream_usage` whether it can be asked for usage at a stream's end; without `developer_role` developer messages
    become system messages; `unsupported` are parameters it refuses. The deployment's defaults, or `defaults` in their
    place, fill what the client left out.

    Raises:
        InvalidField: the body is not a JSON object, or brings credentials.
        UnsupportedParameter: it has what `provider` refuses, and drop_params does not say to drop it.
    """
    try:
        fields: dict[str, Any] = _decode(without_thoughts(call.body))
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidField("request_body", f"is not a JSON object: {error}") from error
    if ours := fields.keys() & OURS:
        refuse_credentials(ours)
        for name in ours:
            del fields[name]
    drop = deployment.drop_always
    for name in drop:
        fields.pop(name, None)
    if unsupported and (refused := fields.keys() & unsupported):
        _leave_out(fields, refused, call.drop_params, provider)
    used = call.max_tokens_field
    if defaults is None:
        defaults = deployment.defaults
    if defaults:
        _fill_in(fields, call, defaults)
        used = used or next((name for name in MAX_TOKENS_FIELDS if isinstance(fields.get(name), int)), "")
    fields["model"] = deployment.model if model is None else model
    _set_max_tokens(fields, call.max_tokens, used, max_tokens_fields)
    if not stream_usage or "stream_options" in drop:
        fields.pop("stream_options", None)
    elif call.stream and not call.include_usage:
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
    if not developer_role and b'"developer"' in call.body:
        fields["messages"] = _without_developer(fields.get("messages"))
    if deployment.extra_body:
        fields |= deployment.extra_body
    return _encode(fields)


def without_thoughts(body: bytes) -> bytes:
    """Return the body without the signatures that Gemini's tool calls carry in their ids."""
    return _THOUGHT_IN_ID.sub(rb'\1"', body) if _THOUGHT_MARK in body else body


def _leave_out(fields: dict[str, Any], names: Set[str], drop_params: bool, provider: str) -> None:
    """Remove what the provider refuses; what asks for something is told, unless it may be dropped."""
    asking = [name for name in sorted(names) if bytes(fields[name]).strip() not in _ASKS_FOR_NOTHING]
    if asking and not drop_params:
        raise UnsupportedParameter(asking, provider=provider)
    for name in names:
        del fields[name]


def refuse_credentials(names: Set[str]) -> None:
    """Raise InvalidField where credentials are among the names of a body's fields."""
    for name in sorted(names & CREDENTIALS):
        raise InvalidField(
            name,
            "is not taken from requests: the gateway calls with its own credentials. To let clients bring theirs, list "
            "it in configurable_clientside_auth_params of the deployment's litellm_params.",
        )


def is_reasoning_model(model: str) -> bool:
    return _REASONING.match(model) is not None


def max_tokens_fields(model: str) -> tuple[str, ...]:
    """Return the names of the maximum that the model knows, first the one for clients that set none."""
    return REASONING_FIELDS if is_reasoning_model(model) else MAX_TOKENS_FIELDS


def _fill_in(fields: dict[str, Any], call: ProviderCall, defaults: Mapping[str, Any]) -> None:
    for name, value in defaults.items():
        if name in MAX_TOKENS_FIELDS and call.max_tokens_field:
            continue  # the client has set it, perhaps under the other name
        if name == "stream_options" and not call.stream:
            continue  # providers refuse it there
        fields.setdefault(name, value)


def _set_max_tokens(fields: dict[str, Any], admitted: int | None, used: str, known: tuple[str, ...]) -> None:
    """Set the admitted maximum, else the one that is there under the name `used`, under a name the provider knows."""
    field = used if used in known else known[0]
    if admitted is not None:
        own = fields.get(used)  # an int: the deployment's, which may be less than what was admitted
        for name in MAX_TOKENS_FIELDS:
            fields.pop(name, None)
        fields[field] = min(own, admitted) if isinstance(own, int) else admitted
    elif used and used != field:
        fields[field] = fields.pop(used, None)
    elif not used and len(known) < len(MAX_TOKENS_FIELDS):
        for name in MAX_TOKENS_FIELDS:
            if name not in known:
                fields.pop(name, None)  # null, in a field that the provider does not know


def _with_usage(options: Any) -> dict[str, Any]:
    """Return the client's stream options, or the deployment's, with the usage asked for."""
    try:
        given = options if isinstance(options, dict) else _decode(options or b"{}")
    except msgspec.DecodeError:  # null
        given = {}
    return {**given, "include_usage": True}


def _without_developer(messages: Any) -> Any:
    """Return the messages with the role `developer` renamed, all else as it was."""
    try:
        decoded: list[dict[str, Any]] = _decode_messages(messages)
    except msgspec.DecodeError:
        return messages
    for message in decoded:
        if bytes(message.get("role", b"")).strip() == b'"developer"':
            message["role"] = "system"
    return decoded
