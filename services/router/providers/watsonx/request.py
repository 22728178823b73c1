"""An OpenAI chat completions body, as watsonx.ai's. https://cloud.ibm.com/apidocs/watsonx-ai#text-chat"""

from typing import Any

from services.router.providers.answers.rejection import UnsupportedParameter
from services.router.providers.chat.body import max_tokens_of
from services.router.providers.chat.messages import messages_given
from services.router.providers.chat.neutral import HINTS, asked_for, foreign, lacking

_WITHOUT_COUNTERPART = lacking(
    "parallel_tool_calls", "verbosity", "service_tier", "prediction", "web_search_options", "thinking"
)
_PLACED = frozenset({"model", "messages", "max_tokens", "max_completion_tokens", "tool_choice"})
_KNOWN = frozenset(("stream", *HINTS, *_PLACED, *_WITHOUT_COUNTERPART))


def to_chat(body: dict[str, Any], *, model: str, drop_params: bool) -> dict[str, Any]:
    """Return the body, without what says which model and project it is for.

    Raises:
        UnsupportedParameter, InvalidField
    """
    unsupported = asked_for(body, _WITHOUT_COUNTERPART)
    if unsupported and not drop_params:
        raise UnsupportedParameter(unsupported, provider=f"watsonx.ai ({model})")
    request = foreign(body, _KNOWN)
    request["messages"] = [_message(message) for _, message in messages_given(body.get("messages"))]
    if (limit := max_tokens_of(body)) is not None:
        request["max_tokens"] = limit
    choice = body.get("tool_choice")
    if isinstance(choice, str):
        request["tool_choice_option"] = choice
    elif choice is not None:
        request["tool_choice"] = choice
    return request


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A text of the user may only come in parts there."""
    if message.get("role") == "developer":
        return {**message, "role": "system"}
    if message.get("role") == "user" and isinstance(message.get("content"), str):
        return {**message, "content": [{"type": "text", "text": message["content"]}]}
    return message
