"""An OpenAI chat completions body, as watsonx.ai's. https://cloud.ibm.com/apidocs/watsonx-ai#text-chat"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField, UnsupportedParameter
from services.router.providers.chat_body import max_tokens_of

_WITHOUT_COUNTERPART: dict[str, tuple[object, ...]] = {
    "parallel_tool_calls": (True,),
    "modalities": (["text"],),
    "store": (False,),
    "verbosity": ("medium",),
    "service_tier": ("auto", "default"),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "functions": (),
    "function_call": (),
    "thinking": (),
}
_HINTS = frozenset(
    {"stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
)
_PLACED = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "tool_choice"})


def to_chat(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body, without what says which model and project it is for.

    Raises:
        UnsupportedParameter, InvalidField
    """
    unsupported = [
        name
        for name, neutral in _WITHOUT_COUNTERPART.items()
        if body.get(name) is not None and body[name] not in neutral
    ]
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider=f"watsonx.ai ({model})")
    out = _HINTS | _PLACED | _WITHOUT_COUNTERPART.keys()
    request = {name: value for name, value in body.items() if name not in out and value is not None}
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise InvalidField("messages", "must be a list of messages.")
    request["messages"] = [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]
    if (limit := max_tokens_of(body)) is not None:
        request["max_tokens"] = limit
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        request["tool_choice_option"] = choice
    elif choice is not None:
        request["tool_choice"] = choice
    return request


def _message(message: object, path: str) -> dict[str, Any]:
    """A text of the user may only come in parts there."""
    if not isinstance(message, dict):
        raise InvalidField(path, "must be an object with role and content.")
    if message.get("role") == "developer":
        return {**message, "role": "system"}
    if message.get("role") == "user" and isinstance(message.get("content"), str):
        return {**message, "content": [{"type": "text", "text": message["content"]}]}
    return message
