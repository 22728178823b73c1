"""An OpenAI chat completions body, as Mistral's, which answers 422 to every field it does not know.

Sources: https://docs.mistral.ai/api/#tag/chat, https://docs.mistral.ai/capabilities/function_calling/
"""

import hashlib
import re
from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of
from services.router.providers.chat.messages import messages_given
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking
from services.router.providers.chat.thought_ids import split_thought

_WITHOUT_COUNTERPART = lacking(
    *("logprobs", "top_logprobs", "logit_bias", "verbosity", "service_tier", "web_search_options", "thinking"),
)
_PLACED = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "seed"})

_MESSAGE_FIELDS = {
    "system": ("content",),
    "user": ("content",),
    "assistant": ("content", "tool_calls", "prefix"),
    "tool": ("content", "tool_call_id", "name"),
}
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_KNOWN = frozenset((*HINTS, *_PLACED, *_WITHOUT_COUNTERPART))


def to_mistral(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body for Mistral. Fields of its own (safe_prompt, prompt_mode, ...) go through.

    Raises:
        UnsupportedParameter, InvalidField
    """
    unsupported = asked_for(body, _WITHOUT_COUNTERPART)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider=f"Mistral ({model})")
    request = foreign(body, _KNOWN)
    messages = [_message(message, path) for path, message in messages_given(body.get("messages"))]
    request |= {"model": model, "messages": messages}
    if (limit := max_tokens_of(body)) is not None:
        request["max_tokens"] = limit
    if body.get("seed") is not None:
        request["random_seed"] = body["seed"]
    return request


def _message(message: dict[str, Any], path: str) -> dict[str, Any]:
    role = "system" if message.get("role") == "developer" else message.get("role")
    fields = _MESSAGE_FIELDS.get(str(role))
    if fields is None:
        raise InvalidField(f"{path}.role", "must be one of system, developer, user, assistant, tool.")
    sent = {"role": role, **{name: message[name] for name in fields if message.get(name) is not None}}
    if role == "assistant":
        if isinstance(thought := message.get("reasoning_content"), str) and thought:
            sent["content"] = [_thinking(thought), *_parts(sent.get("content"), f"{path}.content")]
        if "tool_calls" in sent:
            sent["tool_calls"] = _calls(sent["tool_calls"], f"{path}.tool_calls")
        sent.setdefault("content", "")
    if role == "tool":
        sent["tool_call_id"] = wire_id(str(sent.get("tool_call_id", "")))
    return sent


def _calls(calls: object, path: str) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise InvalidField(path, "must be a list of tool calls.")
    sent = []
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(call, dict) or not isinstance(function, dict):
            raise InvalidField(f"{path}[{index}].function", "must be an object with a name and arguments.")
        named = {name: function[name] for name in ("name", "arguments") if name in function}
        sent.append({"id": wire_id(str(call.get("id", ""))), "type": "function", "function": named})
    return sent


def wire_id(call_id: str) -> str:
    """Return an id in Mistral's alphabet and length: the same for the same, so calls and answers still meet."""
    own = split_thought(call_id)[0]
    if _CALL_ID.fullmatch(own):
        return own
    return hashlib.sha256(own.encode()).hexdigest()[:9]


def _thinking(thought: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": thought}]}


def _parts(content: Any, path: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if content is not None and not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    return list(content or ())
